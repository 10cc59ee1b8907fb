import { readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { compileScript } from '../../sieve/compiler.ts';
import type { Program } from '../../sieve/program.ts';
import { type ScriptLanguage, scriptLanguage } from './script-language.ts';
import type { SieveSettings } from './settings.ts';

/** A script, ready to run, and what a user reads of it when it fails. */
export interface NamedProgram {
  readonly name: string;
  readonly program: Program;
}

/** The scripts of the site, read from files: all of them, or none with every error. */
export interface SiteScripts {
  /** Of users' scripts. */
  readonly language: ScriptLanguage;
  /** Those around the script of an account of this domain. */
  around(domain: string): { readonly before: readonly NamedProgram[]; readonly after: readonly NamedProgram[] };
  /** For `include :global`. */
  library(name: string): Program | undefined;
}

/** Reads and compiles them; throws with all errors, a line each, when one is not to be had. */
export function readSiteScripts(settings: SieveSettings): SiteScripts {
  const language = scriptLanguage(settings);
  const errors: string[] = [];
  // What an administrator writes may change headers.
  const read = (file: string): NamedProgram[] => {
    try {
      const compiled = compileScript(readFileSync(file, 'utf8'), language.limits, ['editheader']);
      if (compiled.ok) return [{ name: basename(file), program: compiled.program }];
      errors.push(...compiled.errors.map(({ line, column, message }) => `${file}:${line}:${column}: ${message}`));
    } catch (error) {
      errors.push(`${file}: ${(error as Error).message}`);
    }
    return [];
  };
  const before = settings.before.flatMap(read);
  const after = settings.after.flatMap(read);
  const domains = new Map(
    Object.entries(settings.domains).map(([domain, each]) => [
      domain,
      { before: [...before, ...each.before.flatMap(read)], after: [...each.after.flatMap(read), ...after] },
    ]),
  );
  const library = new Map(
    Object.entries(settings.library).flatMap(([name, file]) =>
      read(file).map(({ program }) => [name, program] as const),
    ),
  );
  if (errors.length > 0) throw new Error(`Sieve scripts of the site:\n${errors.join('\n')}`);
  const forAll = { before, after };
  return {
    language,
    around: (domain) => domains.get(domain) ?? forAll,
    library: (name) => library.get(name),
  };
}
