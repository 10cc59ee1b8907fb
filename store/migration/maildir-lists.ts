import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

/** Keywords of a folder's messages, as the two servers keep them beside the files. */
export interface FolderKeywords {
  /** Dovecot: `a` to `z` in a file's name. */
  readonly byLetter: ReadonlyMap<string, string>;
  /** Courier: by {@link uniqueOf} the file. */
  readonly byFile: ReadonlyMap<string, readonly string[]>;
}

/** Sizes that servers write behind the name (`,S=123`) are no part of it. */
export const uniqueOf = (base: string): string => base.split(',')[0] ?? base;

/** Dovecot: `dovecot-uidlist`, `12 W34 :name`; Courier: `courierimapuiddb`, `12 name`. The first line is a header. */
export async function readUids(folder: string): Promise<Map<string, number>> {
  const uids = new Map<string, number>();
  for (const name of ['dovecot-uidlist', 'courierimapuiddb']) {
    for (const line of (await textOf(join(folder, name))).split('\n').slice(1)) {
      const match = /^(\d+) (?:.*:)?(\S+)$/.exec(line);
      if (match?.[1] !== undefined && match[2] !== undefined)
        uids.set(uniqueOf(match[2].split(':')[0] ?? ''), Number(match[1]));
    }
  }
  return uids;
}

/** `dovecot-keywords`: `0 $Label1`; `courierimapkeywords/:list`: names, an empty line, then `file:0 2`. */
export async function readFolderKeywords(folder: string): Promise<FolderKeywords> {
  const byLetter = new Map<string, string>();
  for (const line of (await textOf(join(folder, 'dovecot-keywords'))).split('\n')) {
    const match = /^(\d+) (\S+)$/.exec(line);
    if (match?.[1] !== undefined && match[2] !== undefined)
      byLetter.set(String.fromCharCode(97 + Number(match[1])), match[2]);
  }
  const [names = '', files = ''] = (await textOf(join(folder, 'courierimapkeywords', ':list'))).split('\n\n');
  const list = names.split('\n');
  const byFile = new Map<string, readonly string[]>();
  for (const line of files.split('\n')) {
    const colon = line.lastIndexOf(':');
    if (colon < 1) continue;
    const numbers = line
      .slice(colon + 1)
      .split(' ')
      .filter((no) => no !== '');
    byFile.set(
      uniqueOf(line.slice(0, colon)),
      numbers.flatMap((no) => list[Number(no)] ?? []),
    );
  }
  return { byLetter, byFile };
}

/** Empty where there is no such file. */
export async function textOf(path: string): Promise<string> {
  return existsSync(path) ? readFile(path, 'utf8') : '';
}
