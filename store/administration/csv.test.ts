import fc from 'fast-check';
import { expect, test } from 'vitest';
import { formatCsv, parseCsv } from './csv.ts';

test('quotes, both line ends, semicolons, a byte order mark', () => {
  expect(parseCsv('\uFEFFaddress;name\r\na@b.example;"Ann ""A"""\nc@b.example;\n')).toEqual({
    header: ['address', 'name'],
    rows: [
      { line: 2, cells: ['a@b.example', 'Ann "A"'] },
      { line: 3, cells: ['c@b.example', ''] },
    ],
  });
});

test('an open quote is told with its line', () => {
  expect(parseCsv('a,b\n1,"x\n2,3\n')).toEqual({ brokenAt: 2 });
});

test('what is written is read back', () => {
  const cell = fc.string({ unit: fc.constantFrom('a', '"', ',', ';', '\n', ' ', 'ü') }).map((text) => `x${text}`);
  fc.assert(
    fc.property(fc.array(fc.array(cell, { minLength: 2, maxLength: 2 })), (rows) => {
      const table = parseCsv(formatCsv(['one', 'two'], rows));
      expect('rows' in table && table.rows.map(({ cells }) => cells)).toEqual(rows);
    }),
  );
});

test('no cell becomes a formula in a spreadsheet', () => {
  expect(formatCsv(['name'], [['=HYPERLINK("http://x")'], ['@domain1.example']])).toBe(
    'name\r\n"\'=HYPERLINK(""http://x"")"\r\n@domain1.example\r\n',
  );
});
