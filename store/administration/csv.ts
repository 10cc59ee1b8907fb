/** A table as RFC 4180 writes it. */
export interface CsvTable {
  readonly header: readonly string[];
  /** With the number of the line that each begins on, from 1. */
  readonly rows: readonly { readonly line: number; readonly cells: readonly string[] }[];
}

/**
 * RFC 4180: commas or semicolons, quotes doubled within quotes, line ends of either kind. The separator is the one that the first line has.
 *
 * @returns the line where a quote is left open, instead of a table
 */
export function parseCsv(text: string): CsvTable | { readonly brokenAt: number } {
  const source = text.replace(/^\uFEFF/, '');
  const firstLine = /^[^\r\n]*/.exec(source)?.[0] ?? '';
  const separator = firstLine.includes(';') && !firstLine.includes(',') ? ';' : ',';
  const rows: { line: number; cells: string[] }[] = [];
  let cells: string[] = [];
  let line = 1;
  let begins = 1;
  let at = 0;
  const endRow = (): void => {
    if (cells.length > 1 || cells[0] !== '') rows.push({ line: begins, cells });
    cells = [];
    begins = line;
  };
  while (at < source.length) {
    let cell = '';
    if (source[at] === '"') {
      for (at += 1; ; at += 1) {
        if (at >= source.length) return { brokenAt: begins };
        if (source[at] === '"' && source[at + 1] === '"') at += 1;
        else if (source[at] === '"') break;
        if (source[at] === '\n') line += 1;
        cell += source[at];
      }
      at += 1;
    }
    const end = nextOf(source, at, separator);
    cells.push(cell + source.slice(at, end));
    at = end;
    if (source[at] === separator) {
      at += 1;
      if (at < source.length) continue;
      cells.push('');
    }
    if (source.startsWith('\r\n', at)) at += 2;
    else if (at < source.length) at += 1;
    line += 1;
    endRow();
  }
  const [header, ...rest] = rows;
  return { header: (header?.cells ?? []).map((name) => name.trim().toLowerCase()), rows: rest };
}

/** RFC 4180. A cell that a spreadsheet would take for a formula is written with an apostrophe before it. */
export function formatCsv(header: readonly string[], rows: Iterable<readonly string[]>): string {
  const cell = (text: string): string => {
    const safe = /^[=+\-@\t\r]/.test(text) && !/^@[a-z0-9.-]+$/i.test(text) ? `'${text}` : text;
    return /[",;\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
  };
  return [header, ...rows].map((row) => `${row.map(cell).join(',')}\r\n`).join('');
}

function nextOf(source: string, from: number, separator: string): number {
  let at = from;
  while (at < source.length && source[at] !== separator && source[at] !== '\n' && source[at] !== '\r') at += 1;
  return at;
}
