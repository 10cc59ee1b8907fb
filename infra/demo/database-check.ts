import { urlsOfHosts } from '@postern/shared/runtime/database-url.ts';
import { type Connection, createConnection } from 'mysql2/promise';
import { messageOf, Sentence } from './sentence.ts';

/** Checks that DATABASE_URL leads to a MySQL-compatible database, and returns its version. @throws Sentence if not */
export async function checkDatabase(url: string): Promise<string> {
  let parsed: URL;
  try {
    parsed = new URL(urlsOfHosts(url)[0] ?? '');
  } catch {
    throw new Sentence('DATABASE_URL is no URL: it must read mysql://user:password@host:port/name.');
  }
  if (parsed.protocol !== 'mysql:' && parsed.protocol !== 'mariadb:') {
    throw new Sentence(`DATABASE_URL must begin with mysql://, not with ${parsed.protocol}//.`);
  }
  if (parsed.pathname.length < 2)
    throw new Sentence('DATABASE_URL names no database: mysql://user:password@host:port/name.');
  // Never shown: the password.
  const shown = `${parsed.username}@${parsed.host}${parsed.pathname}`;
  let connection: Connection;
  try {
    connection = await createConnection({
      uri: (urlsOfHosts(url)[0] ?? '').replace(/^mariadb:/, 'mysql:'),
      connectTimeout: 10_000,
    });
  } catch (error) {
    throw new Sentence(`The database of DATABASE_URL (${shown}) cannot be used: ${messageOf(error)}.`);
  }
  try {
    const [rows] = await connection.query({ sql: 'SELECT VERSION()', rowsAsArray: true });
    return String((rows as unknown[][])[0]?.[0]);
  } finally {
    await connection.end();
  }
}
