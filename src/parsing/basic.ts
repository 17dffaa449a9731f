// The credentials of HTTP Basic (RFC 7617 §2) as OAuth clients send them (RFC 6749 §2.3.1): both halves form-encoded, as the
// specification says, or as they are, as many clients do (OA-03). Where the two readings differ both are given, and whoever
// compares them decides; nothing is guessed from their look.

import { decodeUtf8 } from './json.ts';

export interface BasicCredentials {
  readonly id: string;
  readonly secret: string;
}

const BASIC = /^Basic +([A-Za-z0-9+/]+={0,2})$/i;
const CONTROL = /[\u0000-\u001f\u007f]/;

/** The readings of an `Authorization` header, the specified one first; empty where it is no Basic credential. Never throws. */
export function parseBasic(header: string): readonly BasicCredentials[] {
  const encoded = BASIC.exec(header)?.[1];
  const text = encoded === undefined ? undefined : decodeUtf8(Buffer.from(encoded, 'base64'));
  // The user-id has no colon, so the first one ends it (RFC 7617 §2).
  const colon = text?.indexOf(':') ?? -1;
  if (text === undefined || colon < 0 || CONTROL.test(text)) return [];
  const sent = { id: text.slice(0, colon), secret: text.slice(colon + 1) };
  const [id, secret] = [formDecoded(sent.id), formDecoded(sent.secret)];
  if (id === undefined || secret === undefined || CONTROL.test(id + secret)) return [sent];
  return id === sent.id && secret === sent.secret ? [sent] : [{ id, secret }, sent];
}

function formDecoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text.replaceAll('+', ' '));
  } catch {
    return undefined;
  }
}
