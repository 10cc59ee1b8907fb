import type { Point } from '../measure/power-law.ts';
import { escaped } from './bar-plot.ts';

export interface Curve {
  readonly label: string;
  readonly points: readonly Point[];
}

const WIDTH = 560;
const HEIGHT = 360;
const LEFT = 70;
const TOP = 40;
const COLOURS = ['#1f6f8b', '#c9a227', '#7b3f61', '#3f7b4f', '#b5502b', '#5a5ab0', '#777777', '#2b8f8f'];

/** An SVG of curves, both axes logarithmic: a law of powers is a straight line, its exponent the slope. */
export function curvePlot(title: string, sizes: string, curves: readonly Curve[]): string {
  const all = curves.flatMap(({ points }) => points).filter(({ size, value }) => size > 0 && value > 0);
  const range = (values: readonly number[]): [number, number] => {
    const logs = values.map(Math.log10);
    return [Math.floor(Math.min(0, ...logs)), Math.ceil(Math.max(1, ...logs))];
  };
  const [x0, x1] = range(all.map(({ size }) => size));
  const [y0, y1] = range(all.map(({ value }) => value));
  const x = (size: number): number => LEFT + ((Math.log10(size) - x0) / (x1 - x0)) * WIDTH;
  const y = (value: number): number => TOP + HEIGHT - ((Math.log10(value) - y0) / (y1 - y0)) * HEIGHT;
  const decades = (from: number, to: number): number[] =>
    Array.from({ length: to - from + 1 }, (_, i) => 10 ** (from + i));
  const grid = [
    ...decades(x0, x1).map(
      (size) =>
        `<line x1="${x(size)}" x2="${x(size)}" y1="${TOP}" y2="${TOP + HEIGHT}" stroke="#ddd"/><text x="${x(size)}" y="${TOP + HEIGHT + 16}" text-anchor="middle">${size}</text>`,
    ),
    ...decades(y0, y1).map(
      (value) =>
        `<line x1="${LEFT}" x2="${LEFT + WIDTH}" y1="${y(value)}" y2="${y(value)}" stroke="#ddd"/><text x="${LEFT - 6}" y="${y(value) + 4}" text-anchor="end">${value}</text>`,
    ),
  ];
  const lines = curves.map(({ label, points }, i) => {
    const colour = COLOURS[i % COLOURS.length];
    const shown = points.filter(({ size, value }) => size > 0 && value > 0);
    const path = shown.map(({ size, value }) => `${x(size).toFixed(1)},${y(value).toFixed(1)}`).join(' ');
    return `<polyline points="${path}" fill="none" stroke="${colour}" stroke-width="2"/><text x="${LEFT + WIDTH + 10}" y="${TOP + 14 + i * 16}" fill="${colour}">${escaped(label)}</text>`;
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${LEFT + WIDTH + 280}" height="${TOP + HEIGHT + 50}" font-family="sans-serif" font-size="11">
<rect width="100%" height="100%" fill="white"/>
<text x="12" y="22" font-size="15">${escaped(title)}</text>
<text x="${LEFT + WIDTH / 2}" y="${TOP + HEIGHT + 36}" text-anchor="middle">${escaped(sizes)}</text>
${[...grid, ...lines].join('\n')}
</svg>
`;
}
