import { readdirSync, readFileSync } from 'node:fs';

/** A server program of one side; what it forks counts with it. */
export interface NamedProcess {
  readonly name: string;
  readonly pid: number;
}

/** USER_HZ of Linux: /proc counts processor time in hundredths of a second. */
const MS_A_TICK = 10;
const PAGE_KIB = 4;

interface Stat {
  readonly parent: number;
  readonly ticks: number;
}

/** Processor time of a process, and of its children that ended; undefined when it is gone. */
function statOf(pid: number): Stat | undefined {
  const text = readOrGone(`/proc/${pid}/stat`);
  if (text === undefined) return undefined;
  // The name stands in parentheses and may hold blanks: fields count from behind it (proc(5): state is field 3).
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  const field = (number: number): number => Number(fields[number - 3]);
  return { parent: field(4), ticks: field(14) + field(15) + field(16) + field(17) };
}

function readOrGone(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ESRCH') return undefined;
    throw error;
  }
}

/** The process and all that descend from it. */
export function familyOf(root: number): number[] {
  const children = new Map<number, number[]>();
  for (const entry of readdirSync('/proc')) {
    const pid = Number(entry);
    const stat = Number.isInteger(pid) ? statOf(pid) : undefined;
    if (stat !== undefined) children.set(stat.parent, [...(children.get(stat.parent) ?? []), pid]);
  }
  const family = [root];
  for (let at = 0; at < family.length; at += 1) family.push(...(children.get(family[at] as number) ?? []));
  return family;
}

/**
 * Milliseconds of processor time that each of the programs has used since its start, its living and ended children included.
 * The difference of two readings is what a run cost: a child that ends in between goes on counting with its parent.
 */
export function processorMs(programs: readonly NamedProcess[]): Map<string, number> {
  return new Map(
    programs.map(({ name, pid }) => [
      name,
      familyOf(pid).reduce((sum, member) => sum + (statOf(member)?.ticks ?? 0), 0) * MS_A_TICK,
    ]),
  );
}

/** KiB of memory that the programs hold for themselves: resident pages less those that are shared with a file. */
export function ownMemoryKiB(programs: readonly NamedProcess[]): number {
  let pages = 0;
  for (const { pid } of programs) {
    for (const member of familyOf(pid)) {
      const [, resident, shared] = (readOrGone(`/proc/${member}/statm`) ?? '0 0 0').split(' ').map(Number);
      pages += (resident ?? 0) - (shared ?? 0);
    }
  }
  return pages * PAGE_KIB;
}
