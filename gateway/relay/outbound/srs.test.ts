import fc from 'fast-check';
import { expect, it } from 'vitest';
import { type SrsKeys, srsDecode, srsEncode } from './srs.ts';

const OURS: SrsKeys = { domain: 'forward.example', secrets: ['one'] };
const NOW = Date.UTC(2026, 10, 21);
const DAY = 86_400_000;

const LOCAL = fc.stringMatching(/^[A-Za-z0-9!#$%&'*+\-/=?^_`{|}~]{1,20}(\.[a-z=+-]{1,5}){0,2}$/);
const DOMAIN = fc.stringMatching(/^[a-z0-9]{1,10}(-[a-z0-9]{1,4})?\.example$/);

it('what was rewritten comes back as it was, also when the case of the hash was lost', () => {
  fc.assert(
    fc.property(LOCAL, DOMAIN, fc.integer({ min: 0, max: 21 }), (local, domain, days) => {
      fc.pre(!/^SRS[01]/i.test(local));
      const rewritten = srsEncode(`${local}@${domain}`, OURS, NOW);
      expect(rewritten).toMatch(/^SRS0=[A-Z2-7]{8}=[A-Z2-7]{2}=.*@forward\.example$/);
      expect(srsDecode(rewritten, OURS, NOW + days * DAY)).toEqual({ ok: true, address: `${local}@${domain}` });
      const lower = srsDecode(rewritten.toLowerCase(), OURS, NOW);
      expect(lower).toEqual({ ok: true, address: `${local}@${domain}`.toLowerCase() });
    }),
  );
});

it('one changed character anywhere makes it forged', () => {
  const rewritten = srsEncode('a.user@sender.example', OURS, NOW);
  const end = rewritten.indexOf('@');
  for (let i = 5; i < end; i++) {
    const other = rewritten[i] === 'Q' ? 'R' : 'Q';
    if (rewritten[i]?.toUpperCase() === other) continue;
    expect(srsDecode(rewritten.slice(0, i) + other + rewritten.slice(i + 1), OURS, NOW)).toMatchObject({ ok: false });
  }
  expect(srsDecode(rewritten, { ...OURS, secrets: ['two'] }, NOW)).toEqual({ ok: false, why: 'forged' });
});

it('an address is good for three weeks, and under an old secret as long as that is listed', () => {
  const rewritten = srsEncode('a@sender.example', OURS, NOW);
  expect(srsDecode(rewritten, OURS, NOW - DAY)).toMatchObject({ ok: true });
  expect(srsDecode(rewritten, OURS, NOW + 22 * DAY)).toEqual({ ok: false, why: 'expired' });
  expect(srsDecode(rewritten, { ...OURS, secrets: ['new', 'one'] }, NOW)).toMatchObject({ ok: true });
});

it('the null reverse-path and our own addresses stay; other addresses are no SRS', () => {
  expect(srsEncode('', OURS, NOW)).toBe('');
  expect(srsEncode('a@FORWARD.example', OURS, NOW)).toBe('a@FORWARD.example');
  expect(srsDecode('postmaster@forward.example', OURS, NOW)).toEqual({ ok: false, why: 'no-srs' });
  expect(srsDecode('SRS0=AAAAAAAA=AA=d=l@else.example', OURS, NOW)).toEqual({ ok: false, why: 'no-srs' });
  expect(srsDecode('SRS0=@forward.example', OURS, NOW)).toMatchObject({ ok: false });
});

it('along three hosts a bounce goes back by the first one', () => {
  const keysOf = (name: string): SrsKeys => ({ domain: `${name}.example`, secrets: [name] });
  const first = keysOf('first');
  const second = keysOf('second');
  const third = keysOf('third');
  const one = srsEncode('a@sender.example', first, NOW);
  const two = srsEncode(one, second, NOW);
  const three = srsEncode(two, third, NOW);
  expect(three).toMatch(/^SRS1=[A-Z2-7]{8}=first\.example==/);
  const back = srsDecode(three, third, NOW);
  expect(back).toEqual({ ok: true, address: one });
  expect(srsDecode(two, second, NOW)).toEqual({ ok: true, address: one });
  expect(srsDecode(one, first, NOW)).toEqual({ ok: true, address: 'a@sender.example' });
});
