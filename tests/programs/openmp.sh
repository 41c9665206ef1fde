# OpenMP: barriers that spin with PAUSE, a critical section and a race, whose order is another in every run.
NEED=(gcc)
setup() {
	cat >omp.c <<-'C'
		#include <omp.h>
		#include <stdio.h>
		#include <time.h>
		int main(void)
		{
			struct timespec now;
			unsigned long order = 0, racy = 0;
			double sum = 0;
			for (int r = 0; r < 200; r++) {
		#pragma omp parallel num_threads(3) reduction(+:sum)
				{
					for (int i = 0; i < 2000; i++)
						sum += i * 0.5;
		#pragma omp critical
					order = order * 31 + (unsigned long)omp_get_thread_num();
		#pragma omp barrier
					racy += order;
				}
			}
			clock_gettime(CLOCK_REALTIME, &now);
			printf("%.1f %lx %lx %ld\n", sum, order, racy, (long)now.tv_nsec);
			return 0;
		}
	C
	gcc -O2 -fopenmp omp.c -o omp
}
CMD=(./omp)
