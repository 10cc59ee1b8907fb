import type { Call } from '../call.ts';
import { MATCHING_TAGS } from '../matching-tags.ts';
import { Value } from '../message.ts';
import type { Extension, Step } from '../program.ts';
import type { Run } from '../run.ts';
import { type Text, textsOf, VARIABLE_NAME } from '../text.ts';

/** RFC 5232 §2: several flags may stand in one string; each counts once, regardless of case. */
export function flagsOf(texts: readonly string[]): string[] {
  const flags = new Map<string, string>();
  for (const flag of texts.flatMap((text) => text.split(/\s+/))) {
    if (isFlag(flag) && !flags.has(flag.toLowerCase())) flags.set(flag.toLowerCase(), flag);
  }
  return [...flags.values()];
}

/** RFC 5232 §2.2: what is no flag, and \Recent, is ignored. */
function isFlag(text: string): boolean {
  if (text.startsWith('\\')) return /^\\(?:answered|flagged|deleted|seen|draft)$/i.test(text);
  return /^[^\s(){%*"\\\]\x00-\x1f\x7f-\u{10ffff}]{1,255}$/u.test(text);
}

/** Where flags are kept: the internal variable, or one of the script's (RFC 5232 §3). */
interface FlagPlace {
  read(run: Run): readonly string[];
  write(run: Run, flags: readonly string[]): void;
}

const INTERNAL: FlagPlace = {
  read: (run) => run.flags ?? [],
  write(run, flags) {
    run.flags = flags;
  },
};

function placeOf(call: Call, name: Text): FlagPlace {
  if (!call.compiler.use(['variables'])) return call.fail('a variable asks for require "variables"');
  if (typeof name !== 'string' || !VARIABLE_NAME.test(name)) return call.fail('this is no name of a variable');
  const variable = name.toLowerCase();
  return {
    read: (run) => flagsOf([run.variable(variable)]),
    write: (run, flags) => run.setVariable(variable, flags.join(' ')),
  };
}

function command(
  name: string,
  change: (before: readonly string[], given: readonly string[]) => readonly string[],
): { name: string; takes: ['strings']; orTakes: ['string', 'strings']; compile(call: Call): Step } {
  return {
    name,
    takes: ['strings'],
    orTakes: ['string', 'strings'],
    compile(call) {
      const named = call.positionalCount === 2;
      const place = named ? placeOf(call, call.text(0)) : INTERNAL;
      const flags = call.texts(named ? 1 : 0);
      return (run) => place.write(run, change(place.read(run), flagsOf(textsOf(run, flags))));
    },
  };
}

function without(flags: readonly string[], gone: readonly string[]): string[] {
  const lower = new Set(gone.map((flag) => flag.toLowerCase()));
  return flags.filter((flag) => !lower.has(flag.toLowerCase()));
}

/** RFC 5232. */
export const imap4flags: Extension = {
  capability: 'imap4flags',
  commands: [
    command('setflag', (_before, given) => given),
    command('addflag', (before, given) => flagsOf([...before, ...given])),
    command('removeflag', without),
  ],
  tests: [
    {
      name: 'hasflag',
      tags: MATCHING_TAGS,
      takes: ['strings'],
      orTakes: ['strings', 'strings'],
      compile(call) {
        const named = call.positionalCount === 2;
        const places = named ? call.texts(0).map((name) => placeOf(call, name)) : [INTERNAL];
        const keys = call.texts(named ? 1 : 0);
        const isCount = call.matchKind === 'count';
        // RFC 5232 §4: a key may hold several flags too.
        const split: Text[] = isCount
          ? keys
          : keys.flatMap<Text>((key) => (typeof key === 'string' ? key.split(/\s+/) : [key]));
        const matches = call.matcherOf(split);
        return (run) => {
          const flags = flagsOf(places.flatMap((place) => [...place.read(run)]));
          return matches(
            run,
            flags.map((flag) => new Value(flag)),
          );
        };
      },
    },
  ],
  tags: [{ tag: { name: 'flags', value: 'strings' }, on: ['keep', 'fileinto'] }],
};
