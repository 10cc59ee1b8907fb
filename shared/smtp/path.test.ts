import { describe, expect, it } from 'vitest';
import { canonicalDomain, parsePath } from './path.ts';

describe('parsePath', () => {
  it.each([
    ['<user@Example.COM>', 'user@example.com'],
    ['<User.Name+tag@x.example>', 'User.Name+tag@x.example'],
    ['<"a b"@x.example>', '"a b"@x.example'],
    ['<"a@b"@x.example>', '"a@b"@x.example'],
    ['<"plain"@x.example>', 'plain@x.example'],
    ['<"q\\"uote"@x.example>', '"q\\"uote"@x.example'],
    ['<"\\a"@x.example>', 'a@x.example'],
    ['<"a>b"@x.example>', '"a>b"@x.example'],
    ['<@relay.example,@other.example:user@x.example>', 'user@x.example'],
    ['<user%elsewhere.example@x.example>', 'user%elsewhere.example@x.example'],
    ['<user@[192.0.2.1]>', 'user@[192.0.2.1]'],
    ['<user@[IPv6:2001:DB8::1]>', 'user@[ipv6:2001:db8::1]'],
    ['<user@bücher.example>', 'user@xn--bcher-kva.example'],
    ['<jörg@x.example>', 'jörg@x.example'],
    ['<Postmaster>', 'Postmaster'],
  ])('reads %s', (text, address) => {
    expect(parsePath(text, 0, 'forward')).toMatchObject({ ok: true, address, next: text.length });
  });

  it('reads the null reverse-path, and no null forward-path', () => {
    expect(parsePath('<> SIZE=1', 0, 'reverse')).toMatchObject({ ok: true, address: '', next: 2 });
    expect(parsePath('<>', 0, 'forward').ok).toBe(false);
    expect(parsePath('<postmaster>', 0, 'reverse').ok).toBe(false);
  });

  it.each([
    'user@x.example',
    '<user@x.example',
    '<user>',
    '<@x.example>',
    '<.user@x.example>',
    '<us..er@x.example>',
    '<user.@x.example>',
    '<us er@x.example>',
    '<user@x..example>',
    '<user@-x.example>',
    '<user@x.example.>',
    '<user@exa mple>',
    '<user@[300.0.0.1]>',
    '<"unclosed@x.example>',
    '<""@x.example>',
    '<a@b@x.example>',
    '<@relay.example user@x.example>',
    `<${'a'.repeat(300)}@x.example>`,
    `<a@${'a'.repeat(64)}.example>`,
    '<a\u0085b@x.example>',
  ])('refuses %s', (text) => {
    expect(parsePath(text, 0, 'forward').ok).toBe(false);
  });

  it('tells which addresses need SMTPUTF8', () => {
    expect(parsePath('<jörg@x.example>', 0, 'forward')).toMatchObject({ utf8: true });
    expect(parsePath('<user@bücher.example>', 0, 'forward')).toMatchObject({ utf8: true });
    expect(parsePath('<user@xn--bcher-kva.example>', 0, 'forward')).toMatchObject({ utf8: false });
  });
});

describe('canonicalDomain', () => {
  it('makes lower-case A-labels', () => {
    expect(canonicalDomain('BÜCHER.Example')).toBe('xn--bcher-kva.example');
    expect(canonicalDomain('exa_mple.example')).toBeUndefined();
    expect(canonicalDomain('')).toBeUndefined();
  });
});
