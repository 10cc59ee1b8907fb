import { compileScript } from '@postern/store/sieve/compiler.ts';
import { runScript } from '@postern/store/sieve/interpreter.ts';
import { DEFAULT_LIMITS } from '@postern/store/sieve/limits.ts';
import { SieveMessage } from '@postern/store/sieve/message.ts';
import type { Program } from '@postern/store/sieve/program.ts';
import type { Action, FileAction, RunInput } from '@postern/store/sieve/run.ts';
import type { SieveCase } from './case-file.ts';

/** What a case comes to, in the words of its section `expect`. */
export function runCase(given: SieveCase): string[] {
  const enabled = list(given, 'enabled');
  const compiled = compileScript(given.script, DEFAULT_LIMITS, enabled);
  if (!compiled.ok) return compiled.errors.map(({ line, message }) => `error ${line}: ${message}`);
  const outcome = runScript(compiled.program, inputOf(given, enabled));
  if (outcome.kind === 'failed') return [`fails ${outcome.error.line}: ${outcome.error.message}`];
  if (outcome.kind === 'asks') return [`asks ${outcome.key.replace('\0', '|')}`];
  return [
    ...outcome.actions.map(actionText),
    ...outcome.seen.map(({ key, seconds, isNew }) => `${isNew ? 'new' : 'seen'} ${key.replace('\0', '|')} ${seconds}s`),
  ];
}

const list = ({ given }: SieveCase, name: string): string[] => given.get(name)?.split(/,\s*/) ?? [];

function inputOf(each: SieveCase, enabled: readonly string[]): RunInput {
  const { given } = each;
  const mailboxes = list(each, 'mailboxes');
  const zone = /^([+-])(\d\d)(\d\d)$/.exec(given.get('zone') ?? '+0000');
  const zoneMinutes = (zone?.[1] === '-' ? -1 : 1) * (Number(zone?.[2]) * 60 + Number(zone?.[3]));
  const number = (name: string): number | undefined => (given.has(name) ? Number(given.get(name)) : undefined);
  const included = (from: ReadonlyMap<string, string>, name: string): Program | undefined => {
    const text = from.get(name);
    const compiled = text === undefined ? undefined : compileScript(text, DEFAULT_LIMITS, enabled);
    if (compiled !== undefined && !compiled.ok)
      throw new Error(`included script ${name}: ${compiled.errors[0]?.message}`);
    return compiled?.program;
  };
  return {
    message: new SieveMessage(Buffer.from(each.message.replace(/\r?\n/g, '\r\n'))),
    envelope: { from: given.get('from') ?? 'ann@a.example', to: given.get('to') ?? 'bob+work@b.example' },
    now: { ms: Date.parse(given.get('now') ?? '2026-02-02T10:00:00Z'), zoneMinutes },
    environment: { name: 'Postern', domain: 'b.example', location: 'MDA', phase: 'during' },
    mailboxes: {
      exists: (name) => mailboxes.includes(name),
      existsId: (id) => id === 'M7',
      existsUse: (use, name) => use.toLowerCase() === '\\junk' && (name === undefined || name === 'Junk'),
    },
    spamPercent: number('spam'),
    virusLevel: number('virus'),
    seen: new Map(list(each, 'seen').map((pair) => [pair.slice(1).replace('|', '\0'), pair.startsWith('+')])),
    include: ({ location, name }) => included(location === 'personal' ? each.personal : each.global, name),
  };
}

function actionText(action: Action): string {
  switch (action.kind) {
    case 'file':
      return fileText(action);
    case 'discard':
      return 'discard';
    case 'redirect':
      return `redirect ${action.address}`;
    case 'reject':
      return `${action.how} ${JSON.stringify(action.reason)}`;
    case 'vacation': {
      const { seconds, reason, subject, from, addresses, mime } = action;
      const options = [
        ...(subject === undefined ? [] : [`subject=${JSON.stringify(subject)}`]),
        ...(from === undefined ? [] : [`from=${from}`]),
        ...(addresses.length === 0 ? [] : [`addresses=${addresses.join(',')}`]),
        ...(mime ? ['mime'] : []),
      ];
      return ['vacation', `${seconds}s`, ...options, JSON.stringify(reason)].join(' ');
    }
    case 'notify': {
      const { method, message, from, importance } = action;
      const options = [
        ...(message === undefined ? [] : [`message=${JSON.stringify(message)}`]),
        ...(from === undefined ? [] : [`from=${from}`]),
      ];
      return ['notify', method, `importance=${importance}`, ...options].join(' ');
    }
  }
}

function fileText({ mailbox, flags, create, specialUse, mailboxId }: FileAction): string {
  return [
    mailbox === undefined ? 'keep' : `fileinto ${mailbox}`,
    ...(create ? ['create'] : []),
    ...(specialUse === undefined ? [] : [`use=${specialUse}`]),
    ...(mailboxId === undefined ? [] : [`id=${mailboxId}`]),
    ...(flags === undefined ? [] : [`flags=(${flags.join(' ')})`]),
  ].join(' ');
}
