// The reference protocol (docs/reference-protocol.md), written by hand: the speed that generated machine
// code is measured against. Breadth first, exact: 128-bit states in an open addressing table, on huge pages,
// and a queue of new states whose slots are on their way from memory. Predecessors are not kept.
// Build: g++ -std=c++17 -O3 -march=native -DP=2 -DS=2 -DT=8 -DC=3 -DFENCE=1 reference.cpp
// Prints: states transitions states-with-bad levels processor-seconds bytes-of-the-table
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <sys/mman.h>
#include <vector>

using State = unsigned __int128;

constexpr int W = 2, NODES = P + S;
constexpr int bits(int most) {
    int n = 0;
    while (most >> n) n++;
    return n;
}

// Where each variable stands; a node's variables follow those of the node before it.
constexpr int KEY = bits(NODES), TS = bits(T), CLOCK = bits(C);
constexpr int LEADER = 0, PRIMARY = LEADER + KEY, STAMP = PRIMARY + KEY, NOW = STAMP + TS, MAXG = NOW + CLOCK,
              BAD = MAXG + TS, NODE = BAD + 1;
constexpr int PHASE = 0, LD = 2, CHK = LD + TS, MEM = CHK + 1, HI = MEM + TS, SIZE = HI + TS;
static_assert(NODE + NODES * SIZE <= 128, "the state does not fit into 128 bits");
enum { IDLE, LOADED, SERVING };

static inline int get(State s, int at, int width) { return int(uint64_t(s >> at)) & ((1 << width) - 1); }
static inline State put(State s, int at, int width, int value) {
    return (s & ~(State((1 << width) - 1) << at)) | State(unsigned(value)) << at;
}

// Zeros on pages of 2 MiB, where Linux gives them: a look anywhere into the table seldom misses the TLB then.
static State *zeroed(size_t states) {
    const size_t bytes = states * sizeof(State);
    void *memory = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) std::abort();
    madvise(memory, bytes, MADV_HUGEPAGE);
    return static_cast<State *>(memory);
}

static inline uint64_t hash(State s) {
    uint64_t h = (uint64_t(s) ^ uint64_t(s >> 64) * 0x9E3779B97F4A7C15u) * 0xFF51AFD7ED558CCDu;
    return (h ^ h >> 32) * 0xC4CEB9FE1A85EC53u;
}

// A slot holds a state plus one; 0 is an empty slot. Slots are in the order of the hashes (but for
// collisions), so that growing goes through the old and the new table from one end to the other.
class Table {
  public:
    size_t count = 0;
    void prefetch(uint64_t h) const { __builtin_prefetch(&slots[h >> shift]); }
    bool insert(State s, uint64_t h) {
        if (4 * count >= 3 * size()) grow();
        return place(s + 1, h);
    }
    size_t size() const { return size_t(1) << (64 - shift); }
    size_t bytes() const { return size() * sizeof(State); }
    template <class Visit> void each(Visit visit) const {
        for (size_t at = 0; at < size(); at++)
            if (slots[at]) visit(slots[at] - 1);
    }

  private:
    int shift = 64 - 12;
    State *slots = zeroed(size());
    bool place(State s, uint64_t h) {
        for (size_t at = h >> shift;; at = (at + 1) & (size() - 1)) {
            if (slots[at] == s) return false;
            if (!slots[at]) {
                slots[at] = s;
                count++;
                return true;
            }
        }
    }
    void grow() {
        State *old = slots, *end = slots + size();
        shift--;
        slots = zeroed(size());
        count = 0;
        for (State *s = old; s < end; s++)
            if (*s) place(*s, hash(*s - 1));
        munmap(old, (end - old) * sizeof(State));
    }
};

// New states wait here until their slots have arrived from memory.
class Queue {
  public:
    Queue(Table &seen, std::vector<State> &found) : seen(seen), found(found) {}
    void push(State s) {
        const uint64_t h = hash(s);
        seen.prefetch(h);
        Waiting &oldest = waiting[at++ % LENGTH];
        if (at > LENGTH) settle(oldest);
        oldest = {s, h};
    }
    void drain() {
        for (size_t i = at > LENGTH ? at - LENGTH : 0; i < at; i++) settle(waiting[i % LENGTH]);
        at = 0;
    }

  private:
    struct Waiting {
        State state;
        uint64_t hash;
    };
    static constexpr size_t LENGTH = 32;
    Table &seen;
    std::vector<State> &found;
    Waiting waiting[LENGTH];
    size_t at = 0;
    void settle(const Waiting &w) {
        if (seen.insert(w.state, w.hash)) found.push_back(w.state);
    }
};

template <class Visit> static inline void steps(State s, Visit visit) {
    const int leader = get(s, LEADER, KEY), primary = get(s, PRIMARY, KEY), ts = get(s, STAMP, TS);
    const int clock = get(s, NOW, CLOCK), maxg = get(s, MAXG, TS);
    if (clock < C) visit(put(s, NOW, CLOCK, clock + 1));
#pragma GCC unroll 8
    for (int n = 1; n <= NODES; n++) {
        const int base = NODE + (n - 1) * SIZE;
        const bool tso = n > P;
        const int key = tso ? primary : leader, key_at = tso ? PRIMARY : LEADER;
        const int phase = get(s, base + PHASE, 2), ld = get(s, base + LD, TS), chk = get(s, base + CHK, 1);
        const int mem = get(s, base + MEM, TS), hi = get(s, base + HI, TS);
        const bool owns = key == n;
        const int check = tso || primary == 0;
        // the whole node at once: phase, ld, chk, mem, hi
        auto node = [&](State t, int phase, int ld, int chk, int mem, int hi) {
            const uint64_t v = uint64_t(phase) | uint64_t(ld) << LD | uint64_t(chk) << CHK |
                               uint64_t(mem) << MEM | uint64_t(hi) << HI;
            return (t & ~(((State(1) << SIZE) - 1) << base)) | State(v) << base;
        };
        if (key == 0 && (tso || phase == IDLE)) visit(put(s, key_at, KEY, n));
        if (owns) visit(put(s, key_at, KEY, 0));
        if (phase == IDLE && owns) visit(node(s, LOADED, ts, check, mem, hi));
        if (phase == LOADED) {
            const int nx = clock > ld + 1 ? clock : ld + 1, sv = nx + W;
            if (sv <= T) {
                if (owns && ts == ld && (!FENCE || tso || (chk && primary == 0)))
                    visit(node(put(s, STAMP, TS, sv), SERVING, 0, 0, nx, sv));
                else
                    visit(node(s, IDLE, 0, 0, 0, 0));
            }
        }
        if (phase == SERVING && mem + 1 >= hi) visit(node(s, LOADED, ts, check, 0, 0));
        if (phase == SERVING && mem < hi) {
            State t = mem <= maxg ? put(s, BAD, 1, 1) : s;
            if (mem > maxg) t = put(t, MAXG, TS, mem);
            visit(put(t, base + MEM, TS, mem + 1));
        }
        if (phase != IDLE && !owns) visit(node(s, IDLE, 0, 0, 0, 0));
    }
}

int main() {
    const std::clock_t began = std::clock();
    Table seen;
    std::vector<State> frontier{0}, found;
    Queue queue(seen, found);
    size_t transitions = 0, levels = 0;
    seen.insert(0, hash(0));
    for (; !frontier.empty(); levels++) {
        found.clear();
        for (State s : frontier)
            steps(s, [&](State t) {
                transitions++;
                queue.push(t);
            });
        queue.drain();
        frontier.swap(found);
    }
    const double took = double(std::clock() - began) / CLOCKS_PER_SEC;
    size_t marked = 0;
    seen.each([&](State s) { marked += get(s, BAD, 1); });
    std::printf("%zu %zu %zu %zu %.3f %zu\n", seen.count, transitions, marked, levels, took, seen.bytes());
}
