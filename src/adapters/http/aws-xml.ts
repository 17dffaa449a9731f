// The documents of the STS query API (version 2011-06-15): three answers and an error, written as AWS writes them. Every value is escaped here
// and nowhere else; no byte of a value can end its element.

import { type Answer, KEPT_BY_NOBODY } from './wire.ts';

const NAMESPACE = 'https://sts.amazonaws.com/doc/2011-06-15/';

/** An element's name and what is in it: a text, or elements in order. Undefined ones are left out. */
export type Element = readonly [name: string, content: string | readonly Element[] | undefined];

/** `<name>Response` with `<name>Result`. */
export const awsAnswer = (decision: string, name: string, result: readonly Element[]): Answer =>
  document(200, {}, decision, `${name}Response`, [
    [`${name}Result`, result],
    ['ResponseMetadata', [['RequestId', decision]]],
  ]);

/** `<ErrorResponse>`. A fault or an outage is the receiver's. */
export const awsErrorAnswer = (
  decision: string,
  {
    status,
    code,
    message,
    headers,
  }: {
    readonly status: number;
    readonly code: string;
    readonly message: string;
    readonly headers: Readonly<Record<string, string>>;
  },
): Answer =>
  document(status, headers, decision, 'ErrorResponse', [
    [
      'Error',
      [
        ['Type', status < 500 ? 'Sender' : 'Receiver'],
        ['Code', code],
        ['Message', message],
      ],
    ],
    ['RequestId', decision],
  ]);

function document(
  status: number,
  headers: Readonly<Record<string, string>>,
  decision: string,
  root: string,
  elements: readonly Element[],
): Answer {
  return {
    status,
    // SDKs show this header as the request's id, and not the element.
    headers: { 'content-type': 'text/xml', ...KEPT_BY_NOBODY, 'x-amzn-requestid': decision, ...headers },
    body: `<${root} xmlns="${NAMESPACE}">${elements.map(written).join('')}</${root}>`,
  };
}

function written([name, content]: Element): string {
  if (content === undefined) return '';
  return `<${name}>${typeof content === 'string' ? escaped(content) : content.map(written).join('')}</${name}>`;
}

const ESCAPES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&apos;',
};

/** XML 1.0 §2.2 has no way to write most control characters, not even escaped; whatever is not ASCII is written by its number. */
const escaped = (text: string): string =>
  text
    .replace(/[&<>"']/g, (one) => ESCAPES[one] ?? '')
    .replace(/[\u0000-\u001f\u007f-\u009f\ud800-\udfff\ufffe\uffff]|[^\u0000-\u007f]/gu, numbered);

function numbered(one: string): string {
  const point = one.codePointAt(0) ?? 0;
  const isCharacter = point > 0x9f && point !== 0xfffe && point !== 0xffff && (point < 0xd800 || point > 0xdfff);
  return isCharacter ? `&#x${point.toString(16).toUpperCase()};` : '?';
}
