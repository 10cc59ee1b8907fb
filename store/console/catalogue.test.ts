import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import ts from 'typescript';
import { expect, test } from 'vitest';
import { de } from './app/i18n/de.ts';
import { en } from './app/i18n/en.ts';
import { fr } from './app/i18n/fr.ts';

/**
 * Nothing of the console is left in English for who reads German or French: every text of the views and every refusal of the server stands in
 * both catalogues. Sources are read by the compiler's own parser.
 */
const APP = join(import.meta.dirname, 'app');
const SERVER = [import.meta.dirname, join(import.meta.dirname, '../administration')];

/** Names that are the same in every language. */
const SAME_EVERYWHERE = new Set(['Postern', 'CSV', 'LDIF', 'OpenAPI', 'English', 'Deutsch', 'Français']);
/** Attributes that people read or hear. */
const SPOKEN = new Set(['label', 'title', 'hint', 'placeholder', 'alt', 'aria-label', 'confirmLabel']);
/** Refusals of requests that no page of the console sends. */
const NOT_OF_PAGES = new Set([
  'from another site',
  'from another origin',
  'no Origin: send X-Requested-With: postern',
  'send application/json',
  'this is no JSON',
]);

const sourcesBelow = (folder: string, pattern: RegExp): string[] =>
  readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => pattern.test(name) && !/\.test\.ts$|^(?:app|dist)\//.test(name))
    .map((name) => join(folder, name));

function walk(file: string, visit: (node: ts.Node, source: ts.SourceFile) => void): void {
  const source = ts.createSourceFile(file, readFileSync(file, 'utf8'), ts.ScriptTarget.Latest, true);
  const each = (node: ts.Node): void => {
    visit(node, source);
    ts.forEachChild(node, each);
  };
  each(source);
}

const literals = (node: ts.Node | undefined): string[] => {
  if (node === undefined) return [];
  if (ts.isStringLiteralLike(node)) return [node.text];
  if (ts.isConditionalExpression(node)) return [...literals(node.whenTrue), ...literals(node.whenFalse)];
  return [];
};

/** Texts of the app: what stands in `t('…')`, and what it says itself of a refusal. */
function textsOfViews(): string[] {
  const found: string[] = [];
  for (const file of sourcesBelow(APP, /\.tsx?$/)) {
    if (file.includes('/i18n/')) continue;
    walk(file, (node) => {
      if (ts.isCallExpression(node) && node.expression.getText() === 't') found.push(...literals(node.arguments[0]));
      if (ts.isPropertyAssignment(node) && node.name.getText() === 'error') found.push(...literals(node.initializer));
    });
  }
  return found;
}

/** What the server says of a refusal: the arguments and properties that hold it. */
function textsOfServer(): string[] {
  const places: Readonly<Record<string, number>> = { refuse: 1, sendError: 3, errorOf: 1 };
  const found: string[] = [];
  for (const folder of SERVER) {
    for (const file of sourcesBelow(folder, /\.ts$/)) {
      walk(file, (node) => {
        if (ts.isCallExpression(node)) {
          const place = places[node.expression.getText()];
          if (place !== undefined) found.push(...literals(node.arguments[place]));
        }
        if (ts.isPropertyAssignment(node) && ['why', 'text'].includes(node.name.getText()))
          found.push(...literals(node.initializer));
        if (ts.isVariableDeclaration(node) && node.name.getText() === 'text') found.push(...literals(node.initializer));
      });
    }
  }
  return found.filter((text) => /[a-z]/i.test(text) && !NOT_OF_PAGES.has(text));
}

/** Codes of changes that the log tells. */
function codesOfLog(): string[] {
  const found: string[] = [];
  for (const folder of SERVER) {
    for (const file of sourcesBelow(folder, /\.ts$/)) {
      walk(file, (node) => {
        if (!ts.isCallExpression(node) || !/^(?:note|withCredentials|finished)$/.test(node.expression.getText()))
          return;
        for (const argument of node.arguments) {
          found.push(...literals(argument));
          if (!ts.isObjectLiteralExpression(argument)) continue;
          for (const each of argument.properties) {
            if (ts.isPropertyAssignment(each) && each.name.getText() === 'action')
              found.push(...literals(each.initializer));
          }
        }
      });
    }
  }
  return found;
}

const holes = (text: string): string[] => [...text.matchAll(/\{(\w+)\}/g)].map(([, name = '']) => name).sort();

test('every text of the views, every refusal and every code stands in German and French', () => {
  const views = textsOfViews();
  const server = textsOfServer();
  const codes = codesOfLog();
  // A reader of sources that finds nothing proves nothing.
  expect(views.length).toBeGreaterThan(150);
  expect(server.length).toBeGreaterThan(60);
  expect(codes).toContain('account-created');
  const wanted = new Set([...views, ...server, ...codes, ...Object.keys(en)]);
  for (const [language, catalogue] of Object.entries({ de, fr })) {
    expect([...wanted].filter((text) => !(text in catalogue)).sort(), `missing in ${language}`).toEqual([]);
    expect(
      Object.keys(catalogue).filter((text) => !wanted.has(text)),
      `unused in ${language}`,
    ).toEqual([]);
    for (const [text, own] of Object.entries(catalogue)) {
      expect(own.trim(), text).not.toBe('');
      expect(holes(own), text).toEqual(holes(text));
    }
  }
  expect(
    codes.filter((code) => !(code in en)),
    'codes without English words',
  ).toEqual([]);
});

test('no text of a view stands in English beside the catalogues', () => {
  const bare: string[] = [];
  for (const file of sourcesBelow(APP, /\.tsx$/)) {
    walk(file, (node, source) => {
      const at = (): string =>
        `${file.slice(APP.length + 1)}:${source.getLineAndCharacterOfPosition(node.pos).line + 1}`;
      if (ts.isJsxText(node) && /\p{L}{2}/u.test(node.text) && !SAME_EVERYWHERE.has(node.text.trim()))
        bare.push(`${at()} ${node.text.trim()}`);
      if (!ts.isJsxAttribute(node) || !SPOKEN.has(node.name.getText())) return;
      const { initializer } = node;
      const value = initializer && ts.isJsxExpression(initializer) ? initializer.expression : initializer;
      for (const text of literals(value))
        if (/\p{L}{2}/u.test(text) && !SAME_EVERYWHERE.has(text)) bare.push(`${at()} ${text}`);
    });
  }
  expect(bare).toEqual([]);
});
