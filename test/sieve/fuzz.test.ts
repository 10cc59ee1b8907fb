import { checkScript } from '@postern/store/sieve/check.ts';
import { compileScript } from '@postern/store/sieve/compiler.ts';
import { runScript } from '@postern/store/sieve/interpreter.ts';
import { Lexer } from '@postern/store/sieve/lexer.ts';
import { DEFAULT_LIMITS } from '@postern/store/sieve/limits.ts';
import { SieveMessage } from '@postern/store/sieve/message.ts';
import { SyntaxFault } from '@postern/store/sieve/script-error.ts';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readCases } from './case-file.ts';

/** fast-check prints the seed and the smallest counter-example of a failure. */
const RUNS = process.env.POSTERN_TEST_FULL === undefined ? 400 : 20_000;
const cases = readCases();
/** Words of the language, so that random scripts are near to real ones. */
const WORDS = [
  ...new Set(
    cases.flatMap(({ script }) => script.match(/"(?:[^"\\]|\\.)*"|:?[a-zA-Z_]\w*|\d+[KMG]?|[;{}()[\],]/g) ?? []),
  ),
];

function isWithinLimits(script: string, message: Buffer): void {
  const compiled = compileScript(script, DEFAULT_LIMITS, ['editheader']);
  if (!compiled.ok) {
    expect(compiled.errors.length).toBeGreaterThan(0);
    expect(compiled.errors.length).toBeLessThanOrEqual(DEFAULT_LIMITS.maxErrors);
    for (const { line } of compiled.errors) expect(line).toBeLessThanOrEqual(script.split('\n').length);
    return;
  }
  const outcome = runScript(compiled.program, {
    message: new SieveMessage(message),
    envelope: { from: 'a@a.example', to: 'b@b.example' },
    now: { ms: 1_770_000_000_000, zoneMinutes: 60 },
    environment: {},
  });
  if (outcome.kind !== 'decided') return;
  expect(outcome.actions.length).toBeLessThanOrEqual(DEFAULT_LIMITS.maxActions + 1);
  const redirects = outcome.actions.filter(({ kind }) => kind === 'redirect');
  expect(redirects.length).toBeLessThanOrEqual(DEFAULT_LIMITS.maxRedirects);
}

const wordScript = fc.array(fc.constantFrom(...WORDS), { maxLength: 60 }).map((words) => words.join(' '));
/** A case of the corpus with one word changed for another. */
const changedScript = fc
  .tuple(fc.constantFrom(...cases), fc.nat(), fc.constantFrom(...WORDS))
  .map(([{ script }, at, word]) => {
    const pieces = script.split(/(?<=\s)/);
    pieces.splice(at % Math.max(1, pieces.length), 1, ` ${word} `);
    return pieces.join('');
  });
const octets = fc.uint8Array({ maxLength: 2_000 }).map((bytes) => Buffer.from(bytes));
const message = fc.oneof(
  octets,
  fc.tuple(fc.constantFrom(...cases), octets, fc.nat()).map(([each, noise, at]) => {
    const bytes = Buffer.from(each.message);
    return Buffer.concat([bytes.subarray(0, at % bytes.length), noise, bytes.subarray(at % bytes.length)]);
  }),
);

describe('fuzzing', () => {
  it('the lexer ends, with tokens or with an error that has a place', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string({ unit: 'binary', maxLength: 300 }), wordScript, changedScript), (text) => {
        const lexer = new Lexer(text);
        let tokens = 0;
        try {
          while (lexer.next().kind !== 'end') expect(++tokens).toBeLessThanOrEqual(text.length);
        } catch (fault) {
          expect(fault).toBeInstanceOf(SyntaxFault);
          expect((fault as SyntaxFault).at.line).toBeLessThanOrEqual(text.split('\n').length);
        }
      }),
      { numRuns: RUNS },
    );
  });

  it('no text makes the check throw', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 500 }), (text) => {
        checkScript(text);
      }),
      { numRuns: RUNS },
    );
  });

  it('no script on no message throws, or exceeds its limits', () => {
    fc.assert(
      fc.property(fc.oneof(wordScript, changedScript), message, (script, bytes) => isWithinLimits(script, bytes)),
      { numRuns: RUNS },
    );
  });

  it('scripts that work hard are stopped: loops over parts, patterns, doubling variables', () => {
    const parts = Array.from(
      { length: 500 },
      (_, n) => `--b\r\nContent-Type: text/plain\r\nX-N: ${n}\r\n\r\n${'a'.repeat(200)}\r\n`,
    );
    const head = `Content-Type: multipart/mixed; boundary=b\r\nX-Long: ${'a'.repeat(60_000)}\r\n\r\n`;
    const heavy = Buffer.from(`${head}${parts.join('')}--b--\r\n`);
    const scripts = [
      `require ["foreverypart", "mime", "variables"]; foreverypart { foreverypart { set "a" "\${a}x"; } if header :mime :anychild :contains "x-n" "1" { keep; } }`
        .repeat(40)
        .replace(/(?<=.)require [^;]*;/g, ''),
      `require "regex"; if anyof(${Array.from({ length: 300 }, () => 'header :regex "x-long" "(a*)*(a|aa)+b"').join(', ')}) { discard; }`,
      `if anyof(${Array.from({ length: 300 }, () => `header :matches "x-long" "*${'a?'.repeat(400)}b"`).join(', ')}) { discard; }`,
      `require "body"; if anyof(${Array.from({ length: 300 }, (_, n) => `body :raw :contains "${'a'.repeat(500)}${n}"`).join(', ')}) { discard; }`,
    ];
    for (const script of scripts) {
      const compiled = compileScript(script, DEFAULT_LIMITS, []);
      expect(compiled.ok ? [] : compiled.errors).toEqual([]);
      const before = process.cpuUsage();
      isWithinLimits(script, heavy);
      const { user, system } = process.cpuUsage(before);
      // What would explode takes minutes; the bound is generous because it is the machine's.
      expect((user + system) / 1_000).toBeLessThan(30_000);
    }
  });
});
