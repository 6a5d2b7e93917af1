/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
#ifndef SPANTAP_MEMORY_H
#define SPANTAP_MEMORY_H

/*
 * Gives back what starting took and running has no use for: heap that is free, and pages of code
 * and constants that were touched once. Takes some milliseconds; any thread may call it.
 */
void memory_give_back(void);

#endif
