import { describe, expect, it } from 'vitest';
import { databaseFaultSentence } from './database-fault.ts';

const URL_TEXT = 'mysql://postern:s%40cret@db.example:3306/mail';
const fault = (code: string, message = 'x'): Error => Object.assign(new Error(message), { code });

describe('databaseFaultSentence', () => {
  it('names the cause, and never the password', () => {
    expect(databaseFaultSentence(fault('ER_ACCESS_DENIED_ERROR'), URL_TEXT)).toBe(
      'The database postern@db.example:3306/mail refuses the user or the password.',
    );
    expect(databaseFaultSentence(fault('ENOTFOUND'), URL_TEXT)).toContain('does not resolve');
    expect(databaseFaultSentence(fault('E_OTHER', `cannot open ${URL_TEXT} with s@cret`), URL_TEXT)).not.toMatch(
      /s@cret|s%40cret/,
    );
  });

  it('names all hosts of a cluster', () => {
    const cluster = 'mysql://postern:s%40cret@one.example:3306,two.example:3307/mail';
    expect(databaseFaultSentence(fault('ECONNREFUSED'), cluster)).toBe(
      'The database postern@one.example:3306,two.example:3307/mail is not listening there.',
    );
    expect(databaseFaultSentence(fault('E_OTHER', `cannot open ${cluster}`), cluster)).not.toContain('s%40cret');
  });

  it('looks through wrapped errors', () => {
    const wrapped = new Error('migration failed', { cause: fault('ER_BAD_DB_ERROR') });
    expect(databaseFaultSentence(wrapped, URL_TEXT)).toContain('has no database of that name');
  });

  it('says when the setting is no database URL', () => {
    expect(databaseFaultSentence(new Error('x'), 'localhost:3306')).toContain('database.url is no database URL');
    expect(databaseFaultSentence(new Error('x'), 'postgres://a@b/c')).toContain('database.url is no database URL');
  });
});
