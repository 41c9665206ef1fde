// Workers, timers, files, children, cryptography and a web server of one process:
// node node.js ROUNDS.
const { Worker, isMainThread, parentPort, workerData, threadId } = require('worker_threads')
const { exec, execSync, spawn } = require('child_process')
const crypto = require('crypto')
const fs = require('fs')
const http = require('http')

function work() {
	let sum = 0
	for (let i = 0; i < 1e6; i++) sum += Math.sqrt(i)
	setTimeout(() => parentPort.postMessage([workerData, threadId, sum, Math.random(), Date.now()]), 5)
}

function round(done) {
	let ticks = 0
	for (let i = 0; i < 3; i++) {
		const w = new Worker(__filename, { workerData: i })
		w.on('message', m => console.log('msg', m))
		w.on('exit', status => console.log('exit', i, status))
	}
	const ticking = setInterval(() => {
		console.log('tick', process.hrtime()[1])
		if (++ticks > 5) clearInterval(ticking)
	}, 3)
	fs.readdir('/usr/bin', (e, names) => console.log('files', names.length))
	fs.writeFileSync('note', 'hello')
	fs.promises.readFile('note', 'utf8').then(console.log)
	exec('echo child $$', (e, out) => console.log(out))
	spawn('nonexistent').on('error', e => console.log(e.code))
	console.log(execSync('echo child and wait $$').toString())
	crypto.pbkdf2('a', crypto.randomBytes(8), 10000, 32, 'sha256', (e, key) => console.log(key.toString('hex')))
	const server = http.createServer((request, response) => response.end('served ' + request.url + ' ' + Date.now()))
	server.listen(0, '127.0.0.1', () => {
		const ask = i => {
			if (i == 10) return server.close(done)
			http.get({ port: server.address().port, path: '/' + i, agent: false }, response => {
				response.on('data', d => console.log(d.toString()))
				response.on('end', () => ask(i + 1))
			})
		}
		ask(0)
	})
}

function rounds(left) {
	if (left > 0) round(() => rounds(left - 1))
}

if (isMainThread) rounds(Number(process.argv[2]))
else work()
