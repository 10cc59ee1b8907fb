/** One line of a plot. */
export interface Line {
  readonly label: string;
  readonly points: readonly (readonly [x: number, y: number])[];
}

const COLOURS = ['#1f6f8b', '#c9a227', '#8b3a1f', '#3f7d20', '#6b3fa0', '#555555'];
const [LEFT, TOP, WIDTH, HEIGHT] = [60, 40, 720, 320];

/** An SVG of lines over time, each with its name at its end; axes begin at 0. */
export function linePlot(title: string, unit: string, lines: readonly Line[]): string {
  const all = lines.flatMap(({ points }) => points);
  const mostX = Math.max(1, ...all.map(([x]) => x));
  const mostY = Math.max(1, ...all.map(([, y]) => y));
  const place = ([x, y]: readonly [number, number]): string =>
    `${(LEFT + (x / mostX) * WIDTH).toFixed(1)},${(TOP + HEIGHT - (y / mostY) * HEIGHT).toFixed(1)}`;
  const drawn = lines.map(({ label, points }, i) => {
    const colour = COLOURS[i % COLOURS.length];
    const [x, y] = place(points.at(-1) ?? [0, 0]).split(',');
    return `<polyline fill="none" stroke="${colour}" stroke-width="1.5" points="${points.map(place).join(' ')}"/>
<text x="${Number(x) + 6}" y="${Number(y) + 4}" fill="${colour}">${label}</text>`;
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${LEFT + WIDTH + 120}" height="${TOP + HEIGHT + 40}" font-family="sans-serif" font-size="11">
<rect width="100%" height="100%" fill="white"/>
<text x="12" y="22" font-size="15">${title}</text>
<line x1="${LEFT}" y1="${TOP + HEIGHT}" x2="${LEFT + WIDTH}" y2="${TOP + HEIGHT}" stroke="black"/>
<line x1="${LEFT}" y1="${TOP}" x2="${LEFT}" y2="${TOP + HEIGHT}" stroke="black"/>
<text x="${LEFT - 6}" y="${TOP + 8}" text-anchor="end">${mostY.toFixed(0)} ${unit}</text><text x="${LEFT - 6}" y="${TOP + HEIGHT}" text-anchor="end">0</text>
<text x="${LEFT + WIDTH}" y="${TOP + HEIGHT + 18}" text-anchor="end">${(mostX / 60).toFixed(1)} minutes</text>
${drawn.join('\n')}
</svg>
`;
}
