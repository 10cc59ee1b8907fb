/** Lines on a 24 × 24 grid, drawn in the colour of the text. */
const PATHS = {
  archive: 'M3 4h18v4H3zM5 8v12h14V8M10 12h4',
  arrowLeft: 'M19 12H5m7-7-7 7 7 7',
  arrowUp: 'M12 19V5m-7 7 7-7 7 7',
  bold: 'M7 4h6a4 4 0 0 1 0 8H7zm0 8h7a4 4 0 0 1 0 8H7z',
  bell: 'M6 9a6 6 0 1 1 12 0c0 6 3 7 3 7H3s3-1 3-7m4 11a2 2 0 0 0 4 0',
  bullets: 'M9 6h12M9 12h12M9 18h12M4 6h.1M4 12h.1M4 18h.1',
  check: 'M5 12.5 10 17 19 7',
  chevron: 'm9 6 6 6-6 6',
  clock: 'M12 3.5a8.5 8.5 0 1 0 0 17 8.5 8.5 0 0 0 0-17M12 7.5V12l3 2',
  close: 'M6 6l12 12M18 6 6 18',
  clip: 'm20 11-8.5 8.5a5 5 0 0 1-7-7L13 4a3.3 3.3 0 0 1 4.7 4.7L9.3 17a1.7 1.7 0 0 1-2.4-2.4L14 7.5',
  download: 'M12 4v11m-5-5 5 5 5-5M4 20h16',
  drafts: 'M4 20h4L19 9l-4-4L4 16zM13 7l4 4',
  flag: 'm12 3.5 2.6 5.5 6 .8-4.4 4.2 1.1 6L12 17l-5.3 3 1.1-6-4.4-4.2 6-.8z',
  forward: 'm14 5 6 6-6 6m6-6H10a6 6 0 0 0-6 6v2',
  folder: 'M3 6h6l2 2h10v11H3z',
  gear: 'M12 9a3 3 0 1 0 0 6 3 3 0 0 0 0-6m0-6v3m0 12v3M3 12h3m12 0h3M5.6 5.6l2.2 2.2m8.4 8.4 2.2 2.2m0-12.8-2.2 2.2m-8.4 8.4-2.2 2.2',
  inbox: 'M4 13 7 5h10l3 8v6H4zm0 0h5l1 2h4l1-2h5',
  image: 'M4 5h16v14H4zm0 11 5-5 4 4 2-2 5 5M15.5 9a1 1 0 1 0 .1 0',
  italic: 'M10 4h8M6 20h8M14 4l-4 16',
  junk: 'M8 3h8l5 5v8l-5 5H8l-5-5V8zM12 8v5m0 3v.1',
  label: 'M3 4h8l10 10-7 7L4 11zM7.5 8a.5.5 0 1 0 .1 0',
  link: 'M10 14a4.5 4.5 0 0 0 6.4 0l3-3a4.5 4.5 0 0 0-6.4-6.4l-1.5 1.5M14 10a4.5 4.5 0 0 0-6.4 0l-3 3A4.5 4.5 0 0 0 11 19.4l1.5-1.5',
  mail: 'M3 6h18v12H3zl9 7 9-7',
  mailOpen: 'M3 10v10h18V10l-9-6zl9 6 9-6',
  menu: 'M4 7h16M4 12h16M4 17h16',
  minus: 'M5 12h14',
  more: 'M4.5 12a.5.5 0 1 0 1 0 .5.5 0 0 0-1 0m7 0a.5.5 0 1 0 1 0 .5.5 0 0 0-1 0m7 0a.5.5 0 1 0 1 0 .5.5 0 0 0-1 0',
  move: 'M3 6h6l2 2h10v4M3 6v13h8m4-2h6m-3-3 3 3-3 3',
  numbers: 'M10 6h11M10 12h11M10 18h11M3.5 4.5 5 4v5M3.5 15.2c.6-.9 2.6-.8 2.6.5 0 1.1-1.6 1.8-2.6 3.3h2.7',
  plus: 'M12 5v14M5 12h14',
  print: 'M7 9V3h10v6M7 17H4V9h16v8h-3M7 14h10v7H7z',
  quote: 'M5 5v14M10 8h10M10 12h10M10 16h6',
  reply: 'm10 5-6 6 6 6m-6-6h10a6 6 0 0 1 6 6v2',
  replyAll: 'm13 5-6 6 6 6m-6-6h8a5 5 0 0 1 5 5v3M7 5l-5 6 5 6',
  search: 'M10.5 4a6.5 6.5 0 1 0 0 13 6.5 6.5 0 0 0 0-13m5 11.5L21 21',
  sent: 'M3 11.5 21 4l-5 17-4-7zm9 2.5 9-10',
  shield: 'M12 3l8 3v6c0 4.5-3.4 7.8-8 9-4.6-1.2-8-4.5-8-9V6z',
  size: 'M14 5h5v5M10 19H5v-5M19 5l-6 6M5 19l6-6',
  source: 'm8 7-5 5 5 5m8-10 5 5-5 5M14 4l-4 16',
  strike:
    'M4 12h16M16.5 7.5C15.8 5.6 14.2 5 12 5c-2.4 0-4.2 1.2-4.2 3.2M7.5 16c.5 2 2.3 3 4.6 3 2.6 0 4.5-1.2 4.5-3.4 0-1-.4-1.8-1-2.4',
  trash: 'M4 7h16M9 7V4h6v3m-9 0 1 13h10l1-13m-8 4v5m4-5v5',
  underline: 'M7 4v7a5 5 0 0 0 10 0V4M6 20h12',
  undo: 'M9 14 4 9l5-5M4 9h10a6 6 0 0 1 0 12h-3',
  user: 'M12 4a4 4 0 1 0 0 8 4 4 0 0 0 0-8M4 21c0-4 3.6-6 8-6s8 2 8 6',
} as const;

export type IconName = keyof typeof PATHS;

/** A picture beside a text, or in a button that has a label: itself it says nothing. */
export function Icon({
  name,
  filled = false,
  size = 18,
}: {
  readonly name: IconName;
  readonly filled?: boolean;
  readonly size?: number;
}) {
  return (
    <svg class="icon" width={size} height={size} viewBox="0 0 24 24" aria-hidden="true" focusable="false">
      <path d={PATHS[name]} fill={filled ? 'currentColor' : 'none'} />
    </svg>
  );
}
