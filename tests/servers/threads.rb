# Threads, sockets, children, traps and timeouts of one process: ruby threads.rb ROUNDS.
require 'socket'
require 'timeout'

def threads
  order, lock, total = [], Mutex.new, 0
  6.times.map { |i|
    Thread.new { 20.times { |j| sleep rand / 2000; lock.synchronize { order << [i, j] } } }
  }.each(&:join)
  4.times.map { Thread.new { 10_000.times { total += 1 } } }.each(&:join)
  p order, total
end

def sockets
  server = TCPServer.new('127.0.0.1', 0)
  Thread.new {
    10.times { Thread.new(server.accept) { |c| c.puts "hi #{c.gets} #{Time.now.to_f}"; c.close } }
  }
  10.times.map { |i|
    Thread.new { c = TCPSocket.new('127.0.0.1', server.addr[1]); c.puts i; c.read }
  }.each { |t| puts t.value }
end

def children
  p `echo child $$`, system('exit 3'), $?.exitstatus
  trap('USR1') { puts 'usr1' }
  Process.kill('USR1', $$)
  sleep 0.01
  r, w = IO.pipe
  pid = fork { w.puts "kid #{$$}"; exit! 4 }
  w.close
  p r.read, Process.wait2(pid)[1].exitstatus
  Timeout.timeout(0.01) { sleep 1 } rescue p $!
  GC.start
end

ARGV[0].to_i.times do |i|
  threads
  sockets
  children
  puts "round #{i}"
  $stdout.flush
end
