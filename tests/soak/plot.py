"""The soak as a picture: one SVG without anything from elsewhere.

Above, the memory of each process there was; below, answers a second and those
that failed. A grey line is a disturbance.
"""

from html import escape

WIDTH, LEFT, RIGHT = 1000, 70, 150
PANELS = ((40, 300), (390, 160))     # top and height
COLOURS = {"supervisor": "#777", "front": "#c33", "resolver": "#36c", "fetcher": "#2a2"}


class Axes:
    def __init__(self, panel, seconds, most):
        self.top, self.height = PANELS[panel]
        self.seconds, self.most = max(seconds, 1), max(most, 1)

    def x(self, t):
        return LEFT + (WIDTH - LEFT - RIGHT) * t / self.seconds

    def y(self, value):
        return self.top + self.height * (1 - value / self.most)

    def frame(self, unit):
        yield f'<rect x="{LEFT}" y="{self.top}" width="{WIDTH - LEFT - RIGHT}" ' \
              f'height="{self.height}" fill="none" stroke="#999"/>'
        for i in range(5):
            value = self.most * i / 4
            yield f'<text x="{LEFT - 6}" y="{self.y(value) + 4:.1f}" text-anchor="end">' \
                  f'{value:.0f}</text>'
        yield f'<text x="{LEFT}" y="{self.top - 8}">{escape(unit)}</text>'
        for i in range(5):
            t = self.seconds * i / 4
            yield f'<text x="{self.x(t):.1f}" y="{self.top + self.height + 16}" ' \
                  f'text-anchor="middle">{t:.0f} s</text>'

    def line(self, points, colour, dashed=False):
        where = " ".join(f"{self.x(t):.1f},{self.y(v):.1f}" for t, v in points)
        return f'<polyline points="{where}" fill="none" stroke="{colour}" stroke-width="1.3"' + \
            (' stroke-dasharray="3 2"' if dashed else "") + "/>"


def rates(answers, began):
    return [(b[0] - began, (b[1] - a[1]) / (b[0] - a[0])) for a, b in zip(answers, answers[1:])]


def per_second(times, began, seconds):
    counts = [0] * (int(seconds) + 2)
    for t in times:
        counts[min(max(int(t - began), 0), len(counts) - 1)] += 1
    return list(enumerate(counts))


def svg(title, began, seconds, series, answers, failed, disturbances):
    memory = Axes(0, seconds, max(s.rss_kib for one in series.values() for s in one) / 1024 * 1.05)
    rate = rates(answers, began)
    traffic = Axes(1, seconds, max([v for _, v in rate] + [1]) * 1.05)
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} 590" '
             'font-family="sans-serif" font-size="12"><rect width="100%" height="100%" '
             f'fill="#fff"/><text x="{LEFT}" y="18" font-size="14">{escape(title)}</text>']
    for t, what in disturbances:
        x = memory.x(t - began)
        parts.append(f'<line x1="{x:.1f}" x2="{x:.1f}" y1="40" y2="550" stroke="#ddd">'
                     f"<title>{escape(what)}</title></line>")
    parts += memory.frame("resident memory, MiB")
    parts += traffic.frame("answers/s; red: SERVFAIL where there is an answer")
    for (daemon, role, _), samples in series.items():
        parts.append(memory.line([(s.time - began, s.rss_kib / 1024) for s in samples],
                                 COLOURS[role], daemon != "kept"))
    parts.append(traffic.line(rate, "#333"))
    parts.append(traffic.line(per_second(failed, began, seconds), "#c33"))
    for i, (role, colour) in enumerate(COLOURS.items()):
        parts.append(f'<text x="{WIDTH - RIGHT + 10}" y="{60 + 18 * i}" fill="{colour}">'
                     f"{role}</text>")
    parts.append(f'<text x="{WIDTH - RIGHT + 10}" y="140">full: kept running</text>'
                 f'<text x="{WIDTH - RIGHT + 10}" y="158">dashed: killed</text></svg>')
    return "\n".join(parts) + "\n"
