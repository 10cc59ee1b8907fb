import iconv from 'iconv-lite';
import { describe, expect, it } from 'vitest';
import { decodeCharset } from './charset.ts';
import { scanMessage } from './mime-structure.ts';
import { foldCase, searchableText } from './text.ts';

/** Words of many scripts; each charset can spell some of them. */
const WORDS =
  'plain Grüße Ångström œuvre żółć příští ığdır Şişli ελληνικά привет свято їжак עברית سلام สวัสดี 日本語 カタカナ 简体 繁體 한국어 똠방각하 ①②㈱ 香港 €100 naïve Þórr Kākā ħobża šķērsiela'.split(
    ' ',
  );

/** Names of the WHATWG Encoding Standard that decode anything, with octets from tables of their own where iconv-lite cannot encode. */
const WHATWG = (
  'utf-8 ibm866 iso-8859-2 iso-8859-3 iso-8859-4 iso-8859-5 iso-8859-6 iso-8859-7 iso-8859-8 iso-8859-8-i iso-8859-10 iso-8859-13 ' +
  'iso-8859-14 iso-8859-15 iso-8859-16 koi8-r koi8-u macintosh windows-874 windows-1250 windows-1251 windows-1252 windows-1253 ' +
  'windows-1254 windows-1255 windows-1256 windows-1257 windows-1258 x-mac-cyrillic gbk gb18030 big5 euc-jp iso-2022-jp shift_jis ' +
  'euc-kr utf-16be utf-16le'
).split(' ');

/** By codecs of another library (Python's), as they stand in mail. */
const VECTORS: readonly (readonly [charset: string, hex: string, text: string])[] = [
  ['iso-2022-jp', '1b2442 467c4b5c386c 1b2842 41', '日本語A'],
  ['iso-2022-jp', '1b2442 2d21 2d22 2d6a 1b2842', '①②㈱'],
  ['iso-2022-jp', '1b2442 2d21 1b2849 3132 1b2842', '①ｱｲ'],
  ['shift_jis', '93fa967b8cea 8740 878a fbfc 8160', '日本語①㈱髙～'],
  ['euc-jp', 'c6fccbdcb8ec ada1 8fb0a1', '日本語①丂'],
  ['gb2312', 'bcf2cce5', '简体'],
  ['gbk', '8140', '丂'],
  ['gb18030', '8130 8436 9439 d836', '¥💘'],
  ['big5', 'c163c5e9', '繁體'],
  ['big5-hkscs', '88a2', 'ü'],
  ['euc-kr', 'c7d1b1b9beee', '한국어'],
  // Syllables beyond KS X 1001, under the name that mail has for them.
  ['ks_c_5601-1987', '8c63b9e6b0a2c7cf', '똠방각하'],
  ['koi8-r', 'd0d2c9d7c5d4', 'привет'],
  ['koi8-u', 'a7d6c1cb', 'їжак'],
  ['x-mac-cyrillic', 'eff0e8e2e5f2', 'привет'],
  ['utf-7', Buffer.from('Hi Mom -+Jjo--!').toString('hex'), 'Hi Mom -☺-!'],
  ['utf-16', 'feff 0041 00e9', 'Aé'],
  ['utf-16', 'fffe 4100 e900', 'Aé'],
  ['utf-32', '0000feff 00000041', 'A'],
  ['windows-1252', '80 93 9f', '€“Ÿ'],
  ['iso-8859-1', 'e9 80', 'é€'],
  ['cp437', '84', 'ä'],
  ["'iso-8859-2'", 'bfa33f', 'żŁ?'],
  ['x-unknown', 'c3a9', 'é'],
  ['x-unknown', 'e9', 'é'],
  ['hex', '4142', 'AB'],
];

/** What the charset can spell, with its octets. */
function spelled(charset: string): { readonly words: string[]; readonly octets: (text: string) => Buffer } {
  const octets = (text: string): Buffer => iconv.encode(text, charset);
  return { words: WORDS.filter((word) => iconv.decode(octets(word), charset) === word), octets };
}

/** A message with the words in its subject, as encoded words, in a file name, and in its text, all in this charset. */
function message(charset: string, octets: Buffer): Buffer {
  const percent = [...octets].map((octet) => `%${octet.toString(16).padStart(2, '0')}`).join('');
  return Buffer.from(
    `Subject: =?${charset}?B?${octets.toString('base64')}?=\r\n` +
      `Content-Type: text/plain; charset="${charset}"; name*=${charset}''${percent}\r\n` +
      `Content-Transfer-Encoding: base64\r\n\r\n${octets.toString('base64')}\r\n`,
  );
}

describe('charsets', () => {
  it.each(VECTORS)('%s: %s', (charset, hex, text) => {
    expect(decodeCharset(Buffer.from(hex.replaceAll(' ', ''), 'hex'), charset)).toBe(text);
  });

  it('all of iconv-lite and of the Encoding Standard are found by SEARCH: subject and text', () => {
    iconv.encodingExists('utf-8');
    const known = Object.keys((iconv as unknown as { encodings: Record<string, unknown> }).encodings);
    const names = [...new Set([...known.filter((name) => !name.startsWith('_')), ...WHATWG])];
    expect(names.length).toBeGreaterThan(400);
    const spelling: Record<string, number> = {};
    for (const charset of names) {
      if (!iconv.encodingExists(charset) || charset === 'hex' || charset === 'base64') continue;
      const { words, octets } = spelled(charset);
      spelling[charset] = words.length;
      const text = searchableText(scanMessage(message(charset, octets(words.join(' ')))));
      for (const word of words) {
        const wanted = foldCase(word);
        expect(text.body.toString(), `${charset} ${word}`).toContain(wanted);
        expect(text.headers.toString(), `${charset} ${word}`).toContain(wanted);
      }
    }
    // Each could spell something, and those of whole scripts much.
    expect(Object.entries(spelling).filter(([, count]) => count === 0)).toEqual([]);
    for (const charset of ['utf-8', 'gb18030', 'utf7', 'utf16']) expect(spelling[charset]).toBe(WORDS.length);
  });

  it('no label throws, whatever it is', () => {
    const octets = Buffer.from([0x41, 0xe9, 0x80, 0x93, 0x1b, 0x24, 0xff]);
    for (const label of [
      'constructor',
      '__proto__',
      'toString',
      '_internal',
      '_dbcs',
      'replacement',
      'x'.repeat(5000),
      '\0',
    ])
      expect(decodeCharset(octets, label)).toMatch(/^A/);
  });
});
