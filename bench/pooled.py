"""Histograms of open_loop added up, and plotted as DNS people do: how slow the
slowest so and so many per cent are, both axes logarithmic."""

import math
from collections import Counter
from xml.sax.saxutils import escape

PERCENTILES = (50, 90, 95, 99, 99.9)
COLOURS = ("#d55e00", "#0072b2", "#009e73", "#cc79a7", "#777777")
WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 760, 420, 70, 150, 60, 60
SLOWEST_LEAST = 0.05         # per cent at the right edge


class Pool:
    def __init__(self):
        self.slots = Counter()

    def add(self, pairs):
        """pairs: [[ns, count], ...] as open_loop -H prints them."""
        for ns, count in pairs:
            self.slots[ns] += count

    @property
    def count(self):
        return sum(self.slots.values())

    def at(self, percentile):
        """ns that so many per cent do not exceed, as histogram_at() in C."""
        want, passed = percentile / 100 * self.count - 1e-6, 0
        for ns in sorted(self.slots):
            passed += self.slots[ns]
            if passed >= want:
                return ns
        return 0

    def us(self):
        return {f"p{p:g}": round(self.at(p) / 1000, 1) for p in PERCENTILES}

    def slowest(self):
        """[(per cent of answers at least as slow, ns), ...], fast to slow."""
        left, total = self.count, self.count
        for ns in sorted(self.slots):
            yield 100 * left / total, ns
            left -= self.slots[ns]


def x_of(per_cent):
    share = math.log(100 / max(per_cent, SLOWEST_LEAST)) / math.log(100 / SLOWEST_LEAST)
    return LEFT + share * (WIDTH - LEFT - RIGHT)


def plot(title, note, pools):
    """SVG. pools: {label: Pool}; a label that ends with "quiet" is dashed."""
    all_ns = [ns for pool in pools.values() for ns in pool.slots]
    low, high = 10 ** math.floor(math.log10(min(all_ns))), 10 ** math.ceil(math.log10(max(all_ns)))

    def y_of(ns):
        share = math.log(ns / low) / math.log(high / low)
        return HEIGHT - BOTTOM - share * (HEIGHT - TOP - BOTTOM)

    parts = [f"<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 {WIDTH} {HEIGHT}' "
             "font-family='sans-serif' font-size='12'>",
             "<rect width='100%' height='100%' fill='white'/>",
             f"<text x='{LEFT}' y='24' font-size='16'>{escape(title)}</text>",
             f"<text x='{LEFT}' y='44' fill='#555'>{escape(note)}</text>"]
    for per_cent in (100, 50, 10, 5, 1, 0.5, 0.1):
        x = x_of(per_cent)
        parts += [f"<path d='M{x:.1f} {TOP}V{HEIGHT - BOTTOM}' stroke='#ddd'/>",
                  f"<text x='{x:.1f}' y='{HEIGHT - BOTTOM + 18}' text-anchor='middle' "
                  f"fill='#555'>{per_cent:g}</text>"]
    ns = low
    while ns <= high:
        label = f"{ns / 1e6:g} ms" if ns >= 1e6 else f"{ns / 1e3:g} us"
        parts += [f"<path d='M{LEFT} {y_of(ns):.1f}H{WIDTH - RIGHT}' stroke='#ddd'/>",
                  f"<text x='{LEFT - 8}' y='{y_of(ns) + 4:.1f}' text-anchor='end' "
                  f"fill='#555'>{label}</text>"]
        ns *= 10
    parts.append(f"<text x='{(LEFT + WIDTH - RIGHT) / 2}' y='{HEIGHT - 16}' "
                 "text-anchor='middle'>the slowest so many % of the answers take at least</text>")
    for i, (label, pool) in enumerate(pools.items()):
        colour, y = COLOURS[i % len(COLOURS)], TOP + 20 * i
        dashed = " stroke-dasharray='6 4'" if label.endswith("quiet") else ""
        line = " ".join(f"{x_of(p):.1f},{y_of(ns):.1f}" for p, ns in pool.slowest()
                        if p >= SLOWEST_LEAST)
        parts += [f"<polyline points='{line}' fill='none' stroke='{colour}' "
                  f"stroke-width='2'{dashed}/>",
                  f"<path d='M{WIDTH - RIGHT + 8} {y}h22' stroke='{colour}' "
                  f"stroke-width='3'{dashed}/>",
                  f"<text x='{WIDTH - RIGHT + 34}' y='{y + 4}'>{escape(label)}</text>"]
    return "\n".join(parts + ["</svg>", ""])
