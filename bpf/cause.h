#ifndef SPANTAP_CAUSE_H
#define SPANTAP_CAUSE_H
#include "connection.h"
static __always_inline void cause_stamp(struct data_event *event, struct connection *conn, __u8 family, int is_turn) {}
static __always_inline void cause_connect(struct connection *conn, __u8 family) {}
static __always_inline void cause_epoll_ctl(__u64 op, __u64 fd, __u64 event) {}
#endif
