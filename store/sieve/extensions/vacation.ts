import { plainAddress } from '../address-part.ts';
import type { Call } from '../call.ts';
import type { Extension, Step } from '../program.ts';
import { textOf, textsOf } from '../text.ts';

const DAY_SECONDS = 86_400;
/** RFC 5230 §4.1. */
const DEFAULT_DAYS = 7;
const MAX_DAYS = 365;
/** RFC 6131 §2: zero answers every message; a site may raise it, so that two robots do not answer each other at once. */
const MIN_SECONDS = 60;

function secondsOf(call: Call): number {
  const seconds = call.tagNumber('seconds');
  if (seconds !== undefined) return Math.min(Math.max(seconds, MIN_SECONDS), MAX_DAYS * DAY_SECONDS);
  const days = call.tagNumber('days') ?? DEFAULT_DAYS;
  return Math.min(Math.max(days, 1), MAX_DAYS) * DAY_SECONDS;
}

/**
 * RFC 5230 §4.2: what was not given a handle is told apart by its arguments as they were written, before variables are expanded;
 * each has its place, so that no two sets of arguments look alike.
 */
function defaultHandle(call: Call): string {
  const written = ['subject', 'from', 'addresses'].map((tag) => call.tagLiterals(tag));
  return JSON.stringify([call.literals(0), ...written, call.has('mime')]);
}

function compileVacation(call: Call): Step {
  const reason = call.text(0);
  const subject = call.tagText('subject');
  const from = call.tagText('from');
  const addresses = call.tagTexts('addresses') ?? [];
  const handle = call.tagText('handle');
  const mime = call.has('mime');
  const seconds = secondsOf(call);
  const ownHandle = defaultHandle(call);
  if (typeof from === 'string' && plainAddress(from) === undefined) call.fail(`:from is no mail address: ${from}`);
  return (run) => {
    // RFC 5230 §4.7.
    for (const { kind } of run.actions) {
      if (kind === 'vacation') run.fail('"vacation" was taken already');
      if (kind === 'reject') run.fail('"vacation" cannot go with a refusal');
    }
    run.act({
      kind: 'vacation',
      reason: textOf(run, reason),
      subject: subject === undefined ? undefined : textOf(run, subject),
      from: from === undefined ? undefined : textOf(run, from),
      addresses: textsOf(run, addresses),
      mime,
      seconds,
      handle: handle === undefined ? ownHandle : textOf(run, handle),
    });
  };
}

/** RFC 5230. */
export const vacation: Extension = {
  capability: 'vacation',
  commands: [
    {
      name: 'vacation',
      tags: [
        { name: 'days', value: 'number', group: 'period' },
        { name: 'subject', value: 'string' },
        { name: 'from', value: 'string' },
        { name: 'addresses', value: 'strings' },
        { name: 'mime' },
        { name: 'handle', value: 'string' },
      ],
      takes: ['string'],
      compile: compileVacation,
    },
  ],
};

/** RFC 6131. */
export const vacationSeconds: Extension = {
  capability: 'vacation-seconds',
  tags: [{ tag: { name: 'seconds', value: 'number', group: 'period' }, on: ['vacation'] }],
};
