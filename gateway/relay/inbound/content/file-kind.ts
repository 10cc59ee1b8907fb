import type { ZipEntry } from './zip-names.ts';

/** What a file is by its content, as far as rules ask. */
export type FileKind = 'executable' | 'script' | 'office-macro' | 'archive' | 'encrypted-archive';

const STARTS: readonly (readonly [kind: FileKind, start: string])[] = [
  // DOS and Windows, ELF, Mach-O of both orders and sizes, universal (and Java classes).
  ['executable', 'MZ'],
  ['executable', '\x7fELF'],
  ['executable', '\xfe\xed\xfa\xce'],
  ['executable', '\xfe\xed\xfa\xcf'],
  ['executable', '\xce\xfa\xed\xfe'],
  ['executable', '\xcf\xfa\xed\xfe'],
  ['executable', '\xca\xfe\xba\xbe'],
  // Windows shortcuts run what they name.
  ['executable', 'L\x00\x00\x00\x01\x14\x02\x00'],
  ['script', '#!'],
  ['archive', 'PK\x03\x04'],
  ['archive', 'PK\x05\x06'],
  ['archive', 'Rar!\x1a\x07'],
  ['archive', "7z\xbc\xaf'\x1c"],
  ['archive', '\x1f\x8b'],
  ['archive', 'BZh'],
  ['archive', '\xfd7zXZ\x00'],
  ['archive', 'MSCF'],
];
const OLE = '\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1';
/** Where Word and Excel keep macros, as UTF-16LE names in an OLE file's directory. */
const OLE_MACROS = ['VBA', '_VBA_PROJECT'].map((name) => Buffer.from(name, 'utf16le'));
/** Office files are zip archives, but nobody calls them so. */
const OFFICE_ENTRY = /^(?:word|xl|ppt)\/|^\[Content_Types\]\.xml$|^mimetype$/;

/** The kinds of a file by its first octets and, of a zip archive, by its directory. */
export function fileKinds(content: Buffer, zip: readonly ZipEntry[]): FileKind[] {
  const start = content.toString('latin1', 0, 16);
  const kinds = new Set(STARTS.filter(([, bytes]) => start.startsWith(bytes)).map(([kind]) => kind));
  if (start.startsWith(OLE) && OLE_MACROS.some((name) => content.includes(name))) kinds.add('office-macro');
  if (zip.some(({ name }) => /(?:^|\/)vbaProject\.bin$/i.test(name))) kinds.add('office-macro');
  if (zip.some(({ name }) => OFFICE_ENTRY.test(name))) kinds.delete('archive');
  if (zip.some(({ encrypted }) => encrypted)) kinds.add('encrypted-archive');
  return [...kinds];
}
