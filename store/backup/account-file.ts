import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';
import { pipeline } from 'node:stream';
import { createGunzip } from 'node:zlib';
import type { BackupRow, BackupRows, BackupValue } from '../mailstore/mailstore.ts';

/**
 * An account's file: gzip of lines, each a JSON array of a table's name and rows. Octets are `{"b":"base64"}`. The last line is
 * `["end"]`: a file without it was cut off.
 */
export const END_LINE = '["end"]\n';

export function lineOf({ table, rows }: BackupRows): string {
  return `${JSON.stringify([table, ...rows.map((row) => row.map(outwards))])}\n`;
}

/** Pieces of a file, in order. Rejects at its end when the end is not there. */
export async function* readAccountFile(path: string): AsyncIterable<BackupRows> {
  let fault: Error | undefined;
  const plain = pipeline(createReadStream(path), createGunzip(), (error) => {
    fault = error ?? undefined;
  });
  let ended = false;
  for await (const line of createInterface({ input: plain, crlfDelay: Number.POSITIVE_INFINITY })) {
    const [table, ...rows] = parsed(line, path);
    if (table === 'end') ended = true;
    else if (typeof table === 'string') yield { table, rows: rows.map(rowOf) };
  }
  if (fault !== undefined) throw new Error(`${path} cannot be read: ${fault.message}`, { cause: fault });
  if (!ended) throw new Error(`${path} was cut off`);
}

function parsed(line: string, path: string): unknown[] {
  try {
    const value: unknown = JSON.parse(line);
    if (Array.isArray(value)) return value;
  } catch (cause) {
    throw new Error(`${path} has a line that is no JSON`, { cause });
  }
  throw new Error(`${path} has a line that is no list`);
}

function outwards(value: BackupValue): unknown {
  return Buffer.isBuffer(value) ? { b: value.toString('base64') } : value;
}

function rowOf(value: unknown): BackupRow {
  if (!Array.isArray(value)) throw new Error('a row of the backup is no list');
  return value.map((each: unknown): BackupValue => {
    if (each === null || typeof each === 'string' || typeof each === 'number') return each;
    const octets = (each as { b?: unknown }).b;
    if (typeof octets !== 'string') throw new Error('a value of the backup is of no known kind');
    return Buffer.from(octets, 'base64');
  });
}
