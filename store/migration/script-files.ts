import { existsSync } from 'node:fs';
import { readdir, readFile, readlink, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import type { SourceScript } from './source.ts';

/**
 * Sieve scripts of a file, or of a folder as Dovecot's Pigeonhole keeps it: `sieve/*.sieve`, the active one being that which
 * `active.sieve` in the folder, or `.dovecot.sieve` beside it, is a link to or has the text of. A single file is the active one.
 */
export async function readScripts(path: string): Promise<SourceScript[]> {
  const found = await stat(path).catch(() => undefined);
  if (found === undefined) return [];
  if (!found.isDirectory()) return [{ name: nameOf(path), text: await readFile(path, 'utf8'), active: true }];
  const files = (await readdir(path)).filter((name) => name.endsWith('.sieve') && name !== ACTIVE).sort();
  const active = await activeOf(path);
  const scripts = await Promise.all(
    files.map(async (file) => {
      const text = await readFile(join(path, file), 'utf8');
      return {
        name: nameOf(file),
        text,
        active: active?.file === file || (active?.file === undefined && active?.text === text),
      };
    }),
  );
  if (active !== undefined && !scripts.some((script) => script.active))
    scripts.push({ name: 'main', text: active.text, active: true });
  return scripts;
}

const ACTIVE = 'active.sieve';

async function activeOf(
  folder: string,
): Promise<{ readonly file: string | undefined; readonly text: string } | undefined> {
  for (const path of [join(folder, ACTIVE), join(dirname(folder), '.dovecot.sieve')]) {
    if (!existsSync(path)) continue;
    const target = await readlink(path).catch(() => undefined);
    return { file: target === undefined ? undefined : basename(target), text: await readFile(path, 'utf8') };
  }
  return undefined;
}

function nameOf(path: string): string {
  return basename(path)
    .replace(/^\.+/, '')
    .replace(/\.sieve$/, '');
}
