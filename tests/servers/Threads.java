import java.io.*;
import java.lang.management.*;
import java.net.*;
import java.util.*;
import java.util.concurrent.*;

/** A pool that keeps the garbage collector busy, and a socket server: java Threads ROUNDS. */
public class Threads {
	static volatile int racy;
	static int sum;

	static String fill(int k) {
		List<byte[]> kept = new ArrayList<>();
		for (int i = 0; i < 2000; i++) {
			kept.add(new byte[1000 + i % 500]);
			if (kept.size() > 100)
				kept.clear();
			racy++;
		}
		synchronized (Threads.class) {
			sum += k;
		}
		return k + " " + Thread.currentThread().getName() + " " + System.nanoTime();
	}

	static void answer(Socket s) {
		try (s) {
			String line = new BufferedReader(new InputStreamReader(s.getInputStream())).readLine();
			s.getOutputStream().write(("echo " + line + " " + System.currentTimeMillis() + "\n").getBytes());
		} catch (IOException e) {
			throw new UncheckedIOException(e);
		}
	}

	static void serve(ServerSocket server, ExecutorService pool) {
		try {
			for (int i = 0; i < 10; i++) {
				Socket s = server.accept();
				pool.submit(() -> answer(s));
			}
		} catch (IOException e) {
			throw new UncheckedIOException(e);
		}
	}

	static void round() throws Exception {
		ExecutorService pool = Executors.newFixedThreadPool(4);
		List<Future<String>> results = new ArrayList<>();
		for (int i = 0; i < 20; i++) {
			final int k = i;
			results.add(pool.submit(() -> fill(k)));
		}
		for (Future<String> f : results)
			System.out.println(f.get());
		System.gc();
		try (ServerSocket server = new ServerSocket(0, 50, InetAddress.getLoopbackAddress())) {
			Thread serving = new Thread(() -> serve(server, pool));
			serving.start();
			for (int i = 0; i < 10; i++)
				try (Socket s = new Socket(server.getInetAddress(), server.getLocalPort())) {
					s.getOutputStream().write(("message " + i + "\n").getBytes());
					System.out.println(new BufferedReader(new InputStreamReader(s.getInputStream())).readLine());
				}
			serving.join();
		}
		pool.shutdown();
		pool.awaitTermination(5, TimeUnit.SECONDS);
		long collections = 0;
		for (GarbageCollectorMXBean c : ManagementFactory.getGarbageCollectorMXBeans())
			collections += c.getCollectionCount();
		System.out.println(racy + " " + UUID.randomUUID() + " " + new Object().hashCode());
		System.out.println("sum " + sum + ", collected " + collections + " times");
	}

	public static void main(String[] args) throws Exception {
		for (int i = 0; i < Integer.parseInt(args[0]); i++) {
			round();
			System.out.println("round " + i);
		}
	}
}
