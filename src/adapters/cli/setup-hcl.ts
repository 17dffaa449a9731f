// Terraform's language as `terraform fmt` leaves it: blocks, attributes aligned as it aligns them, values. Every text is data: nothing in one
// begins an interpolation, a directive, another line or another block.

import { isJsonObject, type Json } from '../../core/json.ts';
import { escaped } from './shown.ts';

/** Trusted text of ours, as it is: a reference to another resource. */
export interface HclReference {
  readonly reference: string;
}

/** `jsonencode(...)`: JSON that Terraform writes, so that references may stand in it. */
export interface HclJson {
  readonly json: HclValue;
}

export interface HclObject {
  readonly [name: string]: HclValue;
}

export type HclValue = string | number | readonly HclValue[] | HclReference | HclJson | { readonly object: HclObject };

export interface HclBlock {
  readonly type: string;
  readonly labels: readonly string[];
  /** Lines above it. */
  readonly says?: readonly string[];
  readonly attributes: HclObject;
  readonly blocks?: readonly HclBlock[];
}

/** JSON as a value; a text that is one of `references` stands as its reference, which comes to the same. */
export function hclValue(value: Json, references: ReadonlyMap<string, string> = new Map()): HclValue {
  if (Array.isArray(value)) return value.map((item: Json) => hclValue(item, references));
  if (isJsonObject(value))
    return {
      object: Object.fromEntries(Object.entries(value).map(([name, item]) => [name, hclValue(item, references)])),
    };
  if (typeof value === 'number') return value;
  const text = typeof value === 'string' ? value : String(value);
  const reference = references.get(text);
  return reference === undefined ? text : { reference };
}

const INDENT = '  ';
/** What is longer is written in several lines. */
const LIST_CHARACTERS_MAX = 100;

export const hclLines = (blocks: readonly HclBlock[]): readonly string[] =>
  blocks.flatMap((block, index) => [...(index === 0 ? [] : ['']), ...blockLines(block)]);

function blockLines({ type, labels, says = [], attributes, blocks = [] }: HclBlock): readonly string[] {
  const inner = [
    ...attributeLines(attributes),
    ...blocks.flatMap((block, index) => [
      ...(index > 0 || Object.keys(attributes).length > 0 ? [''] : []),
      ...blockLines(block),
    ]),
  ];
  return [
    ...says.map((line) => `# ${escaped(line)}`),
    `${[type, ...labels.map(hclString)].join(' ')} {`,
    ...inner.map(indented),
    '}',
  ];
}

const indented = (line: string): string => (line === '' ? '' : `${INDENT}${line}`);

/** Attributes of one line stand with their signs below each other until one of several lines comes between. */
function attributeLines(attributes: HclObject): readonly string[] {
  const written = Object.entries(attributes).map(([name, value]) => ({ name: keyOf(name), lines: valueLines(value) }));
  const lines: string[] = [];
  let run: { readonly name: string; readonly value: string }[] = [];
  const flush = () => {
    const width = Math.max(0, ...run.map(({ name }) => name.length));
    lines.push(...run.map(({ name, value }) => `${name.padEnd(width)} = ${value}`));
    run = [];
  };
  for (const {
    name,
    lines: [first = '', ...rest],
  } of written) {
    if (rest.length === 0) {
      run.push({ name, value: first });
      continue;
    }
    flush();
    lines.push(`${name} = ${first}`, ...rest);
  }
  flush();
  return lines;
}

const keyOf = (name: string): string => (/^[A-Za-z_][A-Za-z0-9_]*$/.test(name) ? name : hclString(name));

function valueLines(value: HclValue): readonly string[] {
  if (typeof value === 'string') return [hclString(value)];
  if (typeof value === 'number') return [String(value)];
  if ('reference' in value) return [value.reference];
  if ('json' in value) return wrapped('jsonencode(', valueLines(value.json), ')');
  if ('object' in value) return ['{', ...attributeLines(value.object).map(indented), '}'];
  const items = value.map(valueLines);
  const short = `[${items.map(([line]) => line).join(', ')}]`;
  if (items.every(({ length }) => length === 1) && short.length <= LIST_CHARACTERS_MAX) return [short];
  return ['[', ...items.flatMap((lines) => wrapped('', lines, ',')).map(indented), ']'];
}

/** Text before the first line and after the last. */
const wrapped = (before: string, lines: readonly string[], after: string): readonly string[] =>
  lines.map((line, index) => `${index === 0 ? before : ''}${line}${index === lines.length - 1 ? after : ''}`);

/** A quoted text. `$` and `%` before a brace are written by number: doubled ones would mean another thing behind a third. */
export const hclString = (text: string): string =>
  `"${[...text.replaceAll('\\', '\\\\').replaceAll('"', '\\"')]
    .map(numbered)
    .join('')
    .replace(/[$%](?=\{)/g, numberOf)}"`;

const numbered = (character: string): string => (/^[\x20-\x7e]$/.test(character) ? character : numberOf(character));

function numberOf(character: string): string {
  const point = character.codePointAt(0) ?? 0;
  return point > 0xffff ? `\\U${point.toString(16).padStart(8, '0')}` : `\\u${point.toString(16).padStart(4, '0')}`;
}
