// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Code and constants are mapped from files: a page that is given back comes again from the page
 * cache when it is used. Not so one that differs from its file (a relocation, a breakpoint, text
 * moved to huge pages), so only mappings without a single such page are touched.
 */
#define _GNU_SOURCE
#include "memory.h"

#include <malloc.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

struct mapping {
	unsigned long start;
	unsigned long end;
	bool is_constant; /* nobody may write, and it has a file */
};

/* The first line of a mapping in smaps; false for any other line. */
static bool parse_mapping(const char *line, struct mapping *mapping)
{
	unsigned long start, end, inode;
	char rights[5];

	if (sscanf(line, "%lx-%lx %4s %*x %*s %lu", &start, &end, rights, &inode) != 4)
		return false;
	mapping->start = start;
	mapping->end = end;
	mapping->is_constant = inode != 0 && rights[1] == '-' && rights[3] == 'p';
	return true;
}

static void give_back_constants(void)
{
	struct mapping mapping = { .is_constant = false };
	FILE *smaps = fopen("/proc/self/smaps", "re");
	unsigned long changed_kb;
	char line[4352];

	if (!smaps)
		return;
	while (fgets(line, sizeof(line), smaps)) {
		if (parse_mapping(line, &mapping) || !mapping.is_constant)
			continue;
		if (sscanf(line, "Anonymous: %lu kB", &changed_kb) != 1 || changed_kb > 0)
			continue;
		madvise((void *)mapping.start, mapping.end - mapping.start, MADV_DONTNEED);
	}
	fclose(smaps);
}

void memory_give_back(void)
{
#ifdef __GLIBC__
	malloc_trim(0);
#endif
	give_back_constants();
}
