import { authenticate } from 'mailauth';
import { describe, expect, it } from 'vitest';
import type { Resolver } from '../../dns/resolver.ts';
import { BoundedQuestions } from './bounded-questions.ts';
import { SenderAuthenticator } from './sender-authentication.ts';

const RECORDS: Record<string, readonly string[][]> = {
  '_dmarc.bank.example': [['v=DMARC1; p=reject']],
  '_dmarc.xn--bcher-kva.example': [['v=DMARC1; p=quarantine']],
  'evil.example': [['v=spf1 ip4:192.0.2.1 -all']],
  '_dmarc.evil.example': [['v=DMARC1; p=none']],
};

const resolver: Resolver = {
  async query(name) {
    const records = RECORDS[name];
    return records === undefined ? { kind: 'none', nameExists: false } : { kind: 'found', records };
  },
  close() {},
};

const client = '192.0.2.1';
const sender = { helo: 'mx.evil.example', reversePath: 'a@evil.example' };

describe('the author that DMARC asks about', () => {
  // What a forger writes so that verifier and reader see different authors; the library's own reader is the second opinion.
  it.each([
    'a@bank.example',
    'Bank <a@bank.example>',
    '"a@bank.example" <a@evil.example>',
    'a@bank.example <a@evil.example>',
    '=?utf-8?q?a=40bank.example?= <a@evil.example>',
    'a@bank.example, b@evil.example',
    'a@bank.example, b@BANK.example.',
    'A Group: a@bank.example, b@bank.example;',
    '"a@evil.example"@bank.example',
    '<@evil.example:a@bank.example>',
    'a (b@evil.example) @bank.example',
    'a@bücher.example',
    'a@[192.0.2.1]',
    'undisclosed:;',
    'nobody',
    '',
    'a@bank.example\r\nFrom: a@evil.example',
  ])('From: %s', async (from) => {
    const content = Buffer.from(`From: ${from}\r\nSubject: x\r\n\r\nText\r\n`);
    const ours = await new SenderAuthenticator('mx', resolver).authenticate({ client, ...sender, content }, 5_000);
    const theirs = await authenticate(content, {
      ip: client,
      helo: sender.helo,
      sender: sender.reversePath,
      mta: 'mx',
      resolver: new BoundedQuestions(resolver, 100).ask,
    });
    const { dmarc } = theirs;
    expect(ours.dmarc).toEqual({
      result: dmarc === false ? 'none' : dmarc.status.result,
      policy: dmarc === false ? 'none' : (dmarc.policy ?? 'none'),
      domain: dmarc === false ? '' : dmarc.status.header?.from,
      skipped: dmarc === false ? theirs.dmarcSkipReason : undefined,
    });
  });
});

describe('the DNS, asked for one message', () => {
  it('is asked a bounded number of times, and beyond it nothing is known', async () => {
    const questions = new BoundedQuestions(resolver, 2);
    expect(await questions.text('evil.example')).toMatchObject({ kind: 'found' });
    await expect(questions.ask('gone.example', 'TXT')).rejects.toMatchObject({ code: 'ENOTFOUND' });
    await expect(questions.ask('evil.example', 'TXT')).rejects.toMatchObject({ code: 'ETIMEOUT' });
    expect(await questions.text('evil.example')).toMatchObject({ kind: 'unknown' });
  });
});

describe('what was concluded from the DNS', () => {
  const content = Buffer.from('From: a@evil.example\r\nSubject: x\r\n\r\nText\r\n');
  const changing = (goodUntil: () => number) => {
    const records: Record<string, readonly string[][]> = { ...RECORDS };
    let questions = 0;
    const changingResolver: Resolver = {
      async query(name) {
        questions++;
        const found = records[name];
        const word =
          found === undefined
            ? ({ kind: 'none', nameExists: false } as const)
            : ({ kind: 'found', records: found } as const);
        return { ...word, goodUntil: goodUntil() };
      },
      close() {},
    };
    const authenticator = new SenderAuthenticator('mx', changingResolver);
    return {
      records,
      judge: () => authenticator.authenticate({ client, ...sender, content }, 5_000),
      asked: () => questions,
    };
  };

  it('is kept as long as the answers are', async () => {
    const { judge, asked } = changing(() => performance.now() + 3_600_000);
    const first = await judge();
    expect(first).toMatchObject({ spf: 'pass', dmarc: { result: 'pass', policy: 'none' } });
    const before = asked();
    expect(await judge()).toEqual(first);
    expect(asked()).toBe(before);
  });

  it('is concluded anew from the first answer that is kept no longer', async () => {
    const { judge, records } = changing(() => performance.now() - 1);
    expect((await judge()).spf).toBe('pass');
    records['evil.example'] = [['v=spf1 -all']];
    records['_dmarc.evil.example'] = [['v=DMARC1; p=reject']];
    expect(await judge()).toMatchObject({ spf: 'fail', dmarc: { result: 'fail', policy: 'reject' } });
  });

  it('is another one for another client, name or sender', async () => {
    const authenticator = new SenderAuthenticator('mx', {
      ...resolver,
      query: async (name) => ({ ...(await resolver.query(name, 'TXT')), goodUntil: Number.MAX_VALUE }),
    });
    const judge = async (facts: object) =>
      (await authenticator.authenticate({ client, ...sender, content, ...facts }, 5_000)).spf;
    expect(await judge({})).toBe('pass');
    expect(await judge({ client: '192.0.2.2' })).toBe('fail');
    expect(await judge({ reversePath: 'a@bank.example' })).toBe('none');
    expect(await judge({})).toBe('pass');
  });
});

describe('a message made to keep the verifier of ARC busy', () => {
  const chain = (own: { readonly seal?: string; readonly more?: string }): string =>
    [
      `ARC-Seal: i=1; a=rsa-sha256; t=1; cv=none; d=evil.example; s=s1; b=AAAA${own.seal ?? ''}`,
      'ARC-Message-Signature: i=1; a=rsa-sha256; c=relaxed/relaxed; d=evil.example; s=s1; h=from; bh=AA==; b=AA==',
      'ARC-Authentication-Results: i=1; evil.example; spf=pass',
      `From: a@evil.example${own.more ?? ''}`,
    ].join('\r\n');

  it.each([
    ['blanks within a tag', chain({ seal: `${'\r\n'.padEnd(900)}`.repeat(1_000) })],
    ['blanks before the colon of another field', chain({ more: `\r\nX${'\r\n'.padEnd(900).repeat(1_000)}: y` })],
    ['a field of a quarter of a million lines', chain({ more: `\r\nX: ${'x\r\n '.repeat(250_000)}` })],
    ['a megabyte of groups', chain({ more: `\r\nTo: ${'g:'.repeat(400_000)}` })],
  ])('by %s is not read, and its chain counts as failed', async (_, header) => {
    const content = Buffer.from(`${header}\r\n\r\nText\r\n`);
    const found = await new SenderAuthenticator('mx', resolver).authenticate({ client, ...sender, content }, 60_000);
    expect(found.arcChain).toBe('fail');
    expect(found.results).toContain('arc=fail (header out of bounds)');
  });

  it('by a body of blanks lets others have their turn, and is given up when time is over', async () => {
    const content = Buffer.from(`${chain({})}\r\n\r\n${'\t\r\n'.repeat(10_000_000)}`);
    let turns = 0;
    const others = setInterval(() => turns++, 1);
    const found = await new SenderAuthenticator('mx', resolver).authenticate({ client, ...sender, content }, 300);
    clearInterval(others);
    expect(found.arcChain).toBe('fail');
    expect(found.results).toContain('spf=temperror');
    expect(turns).toBeGreaterThan(3);
  });
});
