import { Lexer, type Token } from './lexer.ts';
import type { SieveLimits } from './limits.ts';
import { SyntaxFault } from './script-error.ts';
import type { Argument, StringLiteral, SyntaxNode } from './syntax-tree.ts';

/** RFC 5228 §8.2: a script's commands, of whatever names. Throws {@link SyntaxFault} at the first error. */
export function parseScript(text: string, limits: SieveLimits): SyntaxNode[] {
  if (Buffer.byteLength(text) > limits.maxScriptBytes) {
    throw new SyntaxFault(`the script is larger than ${limits.maxScriptBytes} octets`, { line: 1, column: 1 });
  }
  return new Parser(text.startsWith('\ufeff') ? text.slice(1) : text, limits).script();
}

class Parser {
  readonly #lexer: Lexer;
  readonly #limits: SieveLimits;
  #token: Token;
  #nodes = 0;

  constructor(text: string, limits: SieveLimits) {
    this.#lexer = new Lexer(text);
    this.#limits = limits;
    this.#token = this.#lexer.next();
  }

  script(): SyntaxNode[] {
    const commands = this.#commands(0);
    if (this.#token.kind !== 'end') this.#fail('a command was expected');
    return commands;
  }

  #commands(depth: number): SyntaxNode[] {
    const commands: SyntaxNode[] = [];
    while (this.#token.kind === 'identifier') commands.push(this.#command(depth));
    return commands;
  }

  #command(depth: number): SyntaxNode {
    const { name, at, arguments: args } = this.#head(depth);
    const { tests, isTestList } = this.#tests(depth);
    if (this.#token.kind === ';') {
      this.#advance();
      return { name, at, arguments: args, tests, isTestList, block: undefined };
    }
    if (this.#token.kind !== '{') this.#fail(`a semicolon or a block was expected after "${name}"`);
    this.#checkDepth(depth + 1);
    this.#advance();
    const block = this.#commands(depth + 1);
    if (!this.#is('}')) this.#fail('a command or a closing brace was expected');
    this.#advance();
    return { name, at, arguments: args, tests, isTestList, block };
  }

  #test(depth: number): SyntaxNode {
    const { name, at, arguments: args } = this.#head(depth);
    return { name, at, arguments: args, ...this.#tests(depth), block: undefined };
  }

  #head(depth: number): Pick<SyntaxNode, 'name' | 'at' | 'arguments'> {
    const { at } = this.#token;
    if (this.#token.kind !== 'identifier') this.#fail('a name was expected');
    this.#checkDepth(depth);
    if (++this.#nodes > this.#limits.maxNodes) this.#fail('the script has too many commands and tests');
    const name = this.#token.kind === 'identifier' ? this.#token.text : '';
    this.#advance();
    const args: Argument[] = [];
    for (let argument = this.#argument(); argument !== undefined; argument = this.#argument()) args.push(argument);
    return { name, at, arguments: args };
  }

  #argument(): Argument | undefined {
    const token = this.#token;
    switch (token.kind) {
      case 'tag':
        this.#advance();
        return { kind: 'tag', name: token.text, at: token.at };
      case 'number':
        this.#advance();
        return { kind: 'number', value: token.value, at: token.at };
      case 'string':
        this.#advance();
        return { kind: 'strings', values: [{ text: token.text, at: token.at }], bracketed: false, at: token.at };
      case '[':
        return { kind: 'strings', values: this.#stringList(), bracketed: true, at: token.at };
      default:
        return undefined;
    }
  }

  #stringList(): StringLiteral[] {
    this.#advance();
    const values: StringLiteral[] = [];
    for (;;) {
      const token = this.#token;
      if (token.kind !== 'string') return this.#fail('a string was expected in this list');
      values.push({ text: token.text, at: token.at });
      this.#advance();
      if (this.#is(']')) break;
      if (!this.#is(',')) this.#fail('a comma or a closing bracket was expected');
      this.#advance();
    }
    this.#advance();
    return values;
  }

  #tests(depth: number): Pick<SyntaxNode, 'tests' | 'isTestList'> {
    if (this.#token.kind === 'identifier') return { tests: [this.#test(depth + 1)], isTestList: false };
    if (this.#token.kind !== '(') return { tests: [], isTestList: false };
    const tests: SyntaxNode[] = [];
    do {
      this.#advance();
      tests.push(this.#test(depth + 1));
    } while (this.#is(','));
    if (!this.#is(')')) this.#fail('a comma or a closing parenthesis was expected');
    this.#advance();
    return { tests, isTestList: true };
  }

  #is(kind: Token['kind']): boolean {
    return this.#token.kind === kind;
  }

  #advance(): void {
    this.#token = this.#lexer.next();
  }

  #checkDepth(depth: number): void {
    if (depth > this.#limits.maxNesting) this.#fail('blocks and tests are nested too deeply');
  }

  #fail(what: string): never {
    const { kind, at } = this.#token;
    throw new SyntaxFault(kind === 'end' ? `${what}, but the script ends here` : what, at);
  }
}
