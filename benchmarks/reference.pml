/* The reference protocol (docs/reference-protocol.md) in Promela, for Spin. One process whose every option
   is one d_step, so that a step of Spin's is a step of the protocol. Spin counts the initial state as a
   transition: it prints one more. At most three servers of each kind; T up to 15 and C up to 7 fit.
   Build: spin -a -DP=2 -DS=2 -DT=8 -DC=3 -DFENCE=1 reference.pml && gcc -O3 -DNOREDUCE -DSAFETY pan.c -o pan
   Run:   ./pan -m1000000 -w22 */
#define W 2
#define IDLE 0
#define LOADED 1
#define SERVING 2

typedef Node {
    unsigned phase : 2;
    unsigned ld : 4;
    bit chk;
    unsigned mem : 4;
    unsigned hi : 4
}

unsigned leader : 3;
unsigned primary : 3;
unsigned ts : 4;
unsigned clock : 3;
unsigned maxg : 4;
bit bad;
Node node[P + S]

#define me(n) node[(n) - 1]
#define next(n) (clock < me(n).ld + 1 -> me(n).ld + 1 : clock)

/* All options of server n: its key, whether it may campaign, what it notes as it loads, what lets it commit. */
#define STEPS(n, key, may, check, allowed) \
    :: d_step { key == 0 && (may) -> key = n } \
    :: d_step { key == n -> key = 0 } \
    :: d_step { me(n).phase == IDLE && key == n -> me(n).phase = LOADED; me(n).ld = ts; me(n).chk = check } \
    :: d_step { me(n).phase == LOADED && next(n) + W <= T -> \
           if \
           :: key == n && ts == me(n).ld && (allowed) -> \
                  me(n).phase = SERVING; me(n).mem = next(n); ts = next(n) + W; me(n).hi = ts \
           :: else -> me(n).phase = IDLE; me(n).mem = 0; me(n).hi = 0 \
           fi; \
           me(n).ld = 0; me(n).chk = 0 } \
    :: d_step { me(n).phase == SERVING && me(n).mem + 1 >= me(n).hi -> \
           me(n).phase = LOADED; me(n).ld = ts; me(n).chk = check; me(n).mem = 0; me(n).hi = 0 } \
    :: d_step { me(n).phase == SERVING && me(n).mem < me(n).hi -> \
           bad = bad || me(n).mem <= maxg; \
           maxg = (maxg < me(n).mem -> me(n).mem : maxg); \
           me(n).mem = me(n).mem + 1 } \
    :: d_step { me(n).phase != IDLE && key != n -> \
           me(n).phase = IDLE; me(n).ld = 0; me(n).chk = 0; me(n).mem = 0; me(n).hi = 0 }

#define PD(n) STEPS(n, leader, me(n).phase == IDLE, primary == 0, !FENCE || (me(n).chk && primary == 0))
#define TSO(n) STEPS(n, primary, true, 1, true)

active proctype protocol() {
    do
    :: d_step { clock < C -> clock = clock + 1 }
    PD(1)
#if P > 1
    PD(2)
#endif
#if P > 2
    PD(3)
#endif
    TSO(P + 1)
#if S > 1
    TSO(P + 2)
#endif
#if S > 2
    TSO(P + 3)
#endif
    od
}
