// The reference protocol (docs/reference-protocol.md), written by hand: the speed that generated machine
// code is measured against. Breadth first, exact: 128-bit states in an open addressing table.
// Build: g++ -std=c++17 -O3 -march=native -DP=2 -DS=2 -DT=8 -DC=3 -DFENCE=1 reference.cpp
// Prints: states transitions states-with-bad levels processor-seconds bytes-of-the-table
#include <cstdint>
#include <cstdio>
#include <ctime>
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

class Table {
  public:
    Table() : slots(1 << 12) {}
    // A slot holds a state plus one; 0 is an empty slot.
    bool insert(State s) {
        if (2 * count >= slots.size()) grow();
        return place(s + 1);
    }
    size_t count = 0;
    size_t bytes() const { return slots.size() * sizeof(State); }
    template <class Visit> void each(Visit visit) const {
        for (State s : slots)
            if (s) visit(s - 1);
    }

  private:
    std::vector<State> slots;
    bool place(State s) {
        uint64_t h = (uint64_t(s) ^ uint64_t(s >> 64) * 0x9E3779B97F4A7C15u) * 0xFF51AFD7ED558CCDu;
        h ^= h >> 32;
        for (size_t at = h & (slots.size() - 1);; at = (at + 1) & (slots.size() - 1)) {
            if (slots[at] == s) return false;
            if (!slots[at]) {
                slots[at] = s;
                count++;
                return true;
            }
        }
    }
    void grow() {
        std::vector<State> old(2 * slots.size());
        old.swap(slots);
        count = 0;
        for (State s : old)
            if (s) place(s);
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
    size_t transitions = 0, levels = 0;
    seen.insert(0);
    while (!frontier.empty()) {
        levels++;
        found.clear();
        for (State s : frontier)
            steps(s, [&](State t) {
                transitions++;
                if (seen.insert(t)) found.push_back(t);
            });
        frontier.swap(found);
    }
    const double took = double(std::clock() - began) / CLOCKS_PER_SEC;
    size_t marked = 0;
    seen.each([&](State s) { marked += get(s, BAD, 1); });
    std::printf("%zu %zu %zu %zu %.3f %zu\n", seen.count, transitions, marked, levels, took, seen.bytes());
}
