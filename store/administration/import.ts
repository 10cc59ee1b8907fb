import type { Difference } from '../mailstore/mailstore.ts';
import { type AccountSettings, changeAccount, createAccount } from './accounts.ts';
import { type Acting, type AdministrationParts, differencesOf } from './acting.ts';
import { changeAlias, createAlias } from './aliases.ts';
import { parseCsv } from './csv.ts';
import { findAccount, findAlias, findDomain } from './find.ts';
import { parseLdifContent } from './ldif.ts';
import { readOwnAddress, readTarget } from './names.ts';
import { done, type Outcome, type Refused, refuse } from './outcome.ts';

/** A table's row, or an entry of LDIF, as somebody wants it to be in the directory. */
export interface WantedRow {
  readonly line: number;
  readonly address: string;
  /** Targets make it an alias. */
  readonly targets?: readonly string[] | undefined;
  readonly settings: AccountSettings;
  readonly password?: string | undefined;
}

export interface RowReport {
  readonly line: number;
  readonly address: string;
  readonly what: 'create' | 'change' | 'same' | 'error';
  readonly differences: readonly Difference[];
  readonly error?: string | undefined;
  /** `error` before values were put into it, as in {@link Refused}. */
  readonly text?: string | undefined;
  readonly values?: Refused['values'];
  /** Generated for a new account without one; told once, after it was made. */
  readonly password?: string | undefined;
}

export interface ImportReport {
  readonly applied: boolean;
  readonly rows: readonly RowReport[];
  readonly counts: Readonly<Record<RowReport['what'], number>>;
}

export interface ImportRequest {
  readonly format: 'csv' | 'ldif';
  readonly text: string;
  /** Shows what would be, and changes nothing. */
  readonly dryRun: boolean;
  /** Apply the good rows when there are bad ones; else one bad row leaves all as it is. */
  readonly goodRowsOnly: boolean;
}

/** Rows that one import takes. */
export const MAX_IMPORT_ROWS = 20_000;
const COLUMNS = ['address', 'name', 'password', 'active', 'quota', 'services', 'forwards', 'targets', 'description'];

/** Judges every row first, then applies all, or the good ones. */
export async function importRows(
  parts: AdministrationParts,
  acting: Acting,
  request: ImportRequest,
): Promise<Outcome<ImportReport>> {
  const wanted = request.format === 'csv' ? readCsvRows(request.text) : readLdifRows(request.text);
  if (wanted.kind !== 'done') return wanted;
  if (wanted.value.length > MAX_IMPORT_ROWS)
    return refuse('limit', '{most} rows at most', 'text', { most: MAX_IMPORT_ROWS });
  const seen = new Set<string>();
  const judged: { readonly row: WantedRow; readonly report: RowReport }[] = [];
  for (const row of wanted.value) {
    const key = row.address.toLowerCase();
    const report = seen.has(key) ? errorOf(row, 'The address stands twice') : await judge(parts, acting, row);
    seen.add(key);
    judged.push({ row, report });
  }
  const bad = judged.some(({ report }) => report.what === 'error');
  const applies = !request.dryRun && (!bad || request.goodRowsOnly);
  const rows: RowReport[] = [];
  for (const { row, report } of judged) rows.push(applies ? await apply(parts, acting, row, report) : report);
  const count = (what: RowReport['what']): number => rows.filter((row) => row.what === what).length;
  const counts = { create: count('create'), change: count('change'), same: count('same'), error: count('error') };
  return done({ applied: applies, rows, counts });
}

async function judge(parts: AdministrationParts, acting: Acting, row: WantedRow): Promise<RowReport> {
  const isAlias = row.targets !== undefined;
  const own = readOwnAddress(row.address, isAlias);
  if (own === undefined) return errorOf(row, 'This cannot be an address here');
  const badTarget = row.targets?.find((target) => readTarget(target, true) === undefined);
  if (badTarget !== undefined) return errorOf(row, 'This is no target: {name}', { name: badTarget });
  const badForward = row.settings.forwards?.find((forward) => readTarget(forward, false) === undefined);
  if (badForward !== undefined) return errorOf(row, 'This is no address to forward to: {name}', { name: badForward });
  const domain = await findDomain(parts, acting, own.domain);
  if (domain.kind !== 'done') return errorOf(row, 'There is no such domain, or it is not yours');
  const before = isAlias ? await findAlias(parts, acting, own.address) : await findAccount(parts, acting, own.address);
  const other = isAlias ? await findAccount(parts, acting, own.address) : await findAlias(parts, acting, own.address);
  if (other.kind === 'done') return errorOf(row, isAlias ? 'An account has this address' : 'An alias has this address');
  const wanted: Record<string, unknown> = isAlias ? { targets: row.targets } : given(row.settings);
  const differences = differencesOf(before.kind === 'done' ? { ...before.value } : {}, wanted);
  if (before.kind !== 'done') return { ...headOf(row), what: 'create', differences };
  return { ...headOf(row), what: differences.length > 0 ? 'change' : 'same', differences };
}

async function apply(
  parts: AdministrationParts,
  acting: Acting,
  row: WantedRow,
  report: RowReport,
): Promise<RowReport> {
  const { address, settings, targets, password } = row;
  if (report.what !== 'create' && report.what !== 'change') return report;
  if (targets !== undefined) {
    const { active, description } = settings;
    const outcome =
      report.what === 'create'
        ? await createAlias(parts, acting, { address, targets, active, description })
        : await changeAlias(parts, acting, address, { targets, active, description });
    return outcome.kind === 'done' ? report : refusedRow(row, outcome);
  }
  if (report.what === 'change') {
    const outcome = await changeAccount(parts, acting, address, settings);
    return outcome.kind === 'done' ? report : refusedRow(row, outcome);
  }
  const outcome = await createAccount(parts, acting, { address, ...settings, password });
  if (outcome.kind !== 'done') return refusedRow(row, outcome);
  return { ...report, ...(outcome.value.password === undefined ? {} : { password: outcome.value.password }) };
}

function readCsvRows(text: string): Outcome<WantedRow[]> {
  const table = parseCsv(text);
  if ('brokenAt' in table)
    return refuse('invalid', 'The quote of line {line} is left open', 'text', { line: table.brokenAt });
  if (!table.header.includes('address'))
    return refuse('invalid', 'The first line names the columns; address is one of them', 'text');
  const unknown = table.header.find((name) => !COLUMNS.includes(name));
  if (unknown !== undefined)
    return refuse('invalid', 'There is no column {name}: they are {columns}', 'text', {
      name: unknown.slice(0, 40),
      columns: COLUMNS.join(', '),
    });
  return done(
    table.rows.map(({ line, cells }): WantedRow => {
      const cell = (name: string): string | undefined => {
        const text = cells[table.header.indexOf(name)]?.trim();
        return text === undefined || text === '' ? undefined : text;
      };
      const list = (name: string): string[] | undefined =>
        cell(name)
          ?.split(/[\s,;|]+/)
          .filter((part) => part !== '');
      const quota = cell('quota');
      return {
        line,
        address: (cell('address') ?? '').toLowerCase(),
        targets: list('targets'),
        password: cell('password'),
        settings: {
          name: cell('name'),
          description: cell('description'),
          active: cell('active') === undefined ? undefined : !/^(?:false|no|0|off)$/i.test(cell('active') ?? ''),
          quotaBytes: quota === undefined ? undefined : readOctets(quota),
          services: list('services'),
          forwards: list('forwards'),
        },
      };
    }),
  );
}

function readLdifRows(text: string): Outcome<WantedRow[]> {
  const parsed = parseLdifContent(text);
  if (parsed.kind !== 'done') return parsed;
  const rows = parsed.value.flatMap(({ line, attributes }): WantedRow[] => {
    const values = (name: string): readonly string[] | undefined => attributes.get(name);
    const one = (name: string): string | undefined => values(name)?.[0];
    const classes = (values('objectclass') ?? []).map((name) => name.toLowerCase());
    const isAlias = classes.includes('jammmailalias');
    if (!isAlias && !classes.includes('jammmailaccount')) return [];
    const active = one('accountactive');
    return [
      {
        line,
        address: (one('mail') ?? '').toLowerCase(),
        targets: isAlias ? (values('maildrop') ?? []) : undefined,
        settings: {
          name: one('cn'),
          description: one('description'),
          active: active === undefined ? undefined : active.toUpperCase() === 'TRUE',
          quotaBytes: one('quota') === undefined ? undefined : readOctets(one('quota')?.replace(/S.*$/i, '') ?? ''),
          services: values('authorizedservice'),
          forwards: values('forwardto'),
        },
      },
    ];
  });
  return rows.length > 0 ? done(rows) : refuse('invalid', 'No account or alias stands in this file', 'text');
}

/** `500M`, `2G`, or octets; what is no size is 0, which the row's difference shows. */
function readOctets(text: string): number {
  const match = /^(\d{1,12})\s*([KMGT]?)i?B?$/i.exec(text.trim());
  const unit = { '': 1, K: 1024, M: 1024 ** 2, G: 1024 ** 3, T: 1024 ** 4 }[(match?.[2] ?? '').toUpperCase()] ?? 1;
  return match === null ? 0 : Number(match[1]) * unit;
}

const headOf = ({ line, address }: WantedRow): { line: number; address: string } => ({
  line,
  address: address.slice(0, 320),
});
const errorOf = (row: WantedRow, text: string, values?: Refused['values']): RowReport =>
  refusedRow(row, refuse('invalid', text, undefined, values));

function refusedRow(row: WantedRow, { why: error, text, values }: Refused): RowReport {
  return { ...headOf(row), what: 'error', differences: [], error, ...(text === undefined ? {} : { text, values }) };
}

function given(settings: AccountSettings): Record<string, unknown> {
  return Object.fromEntries(Object.entries(settings).filter(([, value]) => value !== undefined));
}
