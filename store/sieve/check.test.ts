import { describe, expect, it } from 'vitest';
import { checkScript } from './check.ts';

const warnings = (script: string): readonly string[] => {
  const checked = checkScript(script);
  if (!checked.ok) throw new Error(JSON.stringify(checked.errors));
  return checked.warnings.map(({ line, column, message }) => `${line}:${column} ${message}`);
};

describe('warnings of a script', () => {
  it.each([
    ['a command', 'require "body";\nrequire ["fileinto", "copy"];\nfileinto "x";', ['1:9 "body"', '2:22 "copy"']],
    ['a tag', 'require ["fileinto", "copy"]; fileinto :copy "x";', []],
    ['variables', 'require "variables"; redirect "a@b.example";', ['1:9 "variables"']],
    ['a reference', 'require "variables"; if header :matches "subject" "*" { redirect "$\u007b1}@b.example"; }', []],
    ['an encoded character', 'require "encoded-character"; redirect "a$\u007bhex:40}b.example";', []],
    ['none encoded', 'require "encoded-character"; redirect "a@b.example";', ['1:9 "encoded-character"']],
    ['what another brings', 'require "vacation-seconds"; vacation "away";', []],
    ['both of them', 'require ["vacation", "vacation-seconds"]; vacation "away";', ['1:22 "vacation-seconds"']],
    ['the comparators that are always there', 'require "comparator-i;octet"; keep;', []],
    ['another comparator', 'require "comparator-i;ascii-numeric"; keep;', ['1:9 "comparator-i;ascii-numeric"']],
    ['a global variable', 'require ["include", "variables"]; redirect "$\u007bglobal.a}@b.example";', []],
    ['variables that hold flags', 'require ["imap4flags", "variables"]; addflag "f" "\\\\Seen";', []],
  ])('name what is required and not used: %s', (_what, script, expected) => {
    expect(warnings(script)).toEqual(expected.map((each) => `${each} is required and not used`));
  });
});
