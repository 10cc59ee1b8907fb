export interface BarPair {
  readonly label: string;
  readonly ours: number;
  /** Undefined where there is no peer. */
  readonly theirs?: number;
}

const ROW = 34;
const LEFT = 300;
const WIDTH = 560;

/** An SVG of two bars a row, ours above theirs (or ours alone), each with its figure. */
export function barPlot(title: string, pairs: readonly BarPair[]): string {
  const most = Math.max(1, ...pairs.flatMap((p) => [p.ours, p.theirs ?? 0]));
  const height = 60 + pairs.length * ROW;
  const bar = (y: number, value: number, colour: string): string => {
    const width = Math.round((value / most) * WIDTH);
    return `<rect x="${LEFT}" y="${y}" width="${width}" height="12" fill="${colour}"/><text x="${LEFT + width + 5}" y="${y + 10}">${value.toFixed(value < 10 ? 2 : 0)}</text>`;
  };
  const rows = pairs.map((pair, i) => {
    const y = 46 + i * ROW;
    return `<text x="${LEFT - 8}" y="${y + 16}" text-anchor="end">${escaped(pair.label)}</text>${bar(y, pair.ours, '#1f6f8b')}${pair.theirs === undefined ? '' : bar(y + 13, pair.theirs, '#c9a227')}`;
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${LEFT + WIDTH + 70}" height="${height}" font-family="sans-serif" font-size="11">
<rect width="100%" height="100%" fill="white"/>
<text x="12" y="22" font-size="15">${escaped(title)}</text>
<text x="${LEFT}" y="38" fill="#1f6f8b">ours</text><text x="${LEFT + 40}" y="38" fill="#a5841c">theirs</text>
${rows.join('\n')}
</svg>
`;
}

export function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
}
