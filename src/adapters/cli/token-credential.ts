// Takes the credential out of the place that was chosen: a request to GitHub, a variable, a file, a SPIFFE agent, a credential folder.
// What is had must be a JWT, or a chain with its key, before it is sent anywhere: a mistaken file never leaves the machine.
// Repeats nothing of a credential in a message.

import { join } from 'node:path';
import { isJsonObject } from '../../core/json.ts';
import { CREDENTIAL_BYTES_MAX } from '../../core/limits.ts';
import {
  CREDENTIAL_BUNDLE_BYTES_MAX,
  TOKEN_ANSWER_BYTES_MAX,
  TOKEN_ATTEMPTS_MAX,
  TOKEN_RETRY_MS,
} from '../../core/limits-outside.ts';
import type { OutboundAnswer, OutboundRequest, TlsIdentity } from '../../core/outside.ts';
import { AWS_REQUEST_TOKEN_TYPE } from '../../core/request.ts';
import { decodeUtf8, readJson } from '../../parsing/json.ts';
import { parseJws } from '../../parsing/jws.ts';
import { CREDENTIAL_BUNDLE_FILES, readIdentity } from './credential-bundle.ts';
import type { Source } from './token-places.ts';

/** Secret, both of them: never printed, logged or put into a message. */
export type Credential =
  /** `tokenType` where it is no JWT like any other. */
  | { readonly kind: 'token'; readonly token: string; readonly tokenType?: string }
  | { readonly kind: 'identity'; readonly spiffeId: string; readonly tls: TlsIdentity };

export type CredentialHad =
  | { readonly ok: true; readonly credential: Credential }
  | { readonly ok: false; readonly problem: string };

/** What the verb reaches the world by. None of them throws. */
export interface TokenTools {
  request(request: OutboundRequest): Promise<OutboundAnswer>;
  /** A JWT-SVID of the agent behind a socket. */
  jwtSvid(
    socket: string,
    audience: string,
  ): Promise<{ readonly ok: true; readonly svid: string } | { readonly ok: false; readonly problem: string }>;
  /** A signed GetCallerIdentity request that names us to whoever sends it with this audience. */
  callerIdentity(
    audience: string,
    region: string,
  ): Promise<{ readonly ok: true; readonly url: string } | { readonly ok: false; readonly problem: string }>;
  /** A regular file in latin1, or why it cannot be read (a code, or what it is not). */
  readFile(
    path: string,
    bytesMax: number,
  ): Promise<{ readonly ok: true; readonly text: string } | { readonly ok: false; readonly problem: string }>;
  exists(path: string): boolean;
  wait(milliseconds: number): Promise<void>;
}

const no = (problem: string): CredentialHad => ({ ok: false, problem });

/** Never throws. `audience` is the broker's issuer. */
export async function takeCredential(tools: TokenTools, source: Source, audience: string): Promise<CredentialHad> {
  switch (source.how) {
    case 'request':
      return askGithub(tools, source, audience);
    case 'variable':
      return asToken(source.text, source.variable);
    case 'file': {
      const read = await tools.readFile(source.file, CREDENTIAL_BYTES_MAX);
      return read.ok ? asToken(read.text, source.file) : no(`${source.file}: ${read.problem}`);
    }
    case 'socket': {
      const had = await tools.jwtSvid(source.socket, audience);
      return had.ok ? asToken(had.svid, 'the Workload API') : no(`the Workload API gives no JWT-SVID: ${had.problem}`);
    }
    case 'folder':
      return readFolder(tools, source.folder);
    case 'aws': {
      const had = await tools.callerIdentity(audience, source.region);
      if (!had.ok) return no(`AWS gives no identity: ${had.problem}`);
      return { ok: true, credential: { kind: 'token', token: had.url, tokenType: AWS_REQUEST_TOKEN_TYPE } };
    }
  }
}

function asToken(text: string, where: string): CredentialHad {
  const token = text.trim();
  const parsed = parseJws(token);
  return parsed.ok
    ? { ok: true, credential: { kind: 'token', token } }
    : no(`${where} holds no JWT (${parsed.problem}); nothing was sent`);
}

/** The audience goes behind the query that the URL has, as GitHub's own toolkit does it. */
async function askGithub(
  tools: TokenTools,
  { url, bearer }: Extract<Source, { how: 'request' }>,
  audience: string,
): Promise<CredentialHad> {
  const request: OutboundRequest = {
    url: `${url}${url.includes('?') ? '&' : '?'}audience=${encodeURIComponent(audience)}`,
    bytesMax: TOKEN_ANSWER_BYTES_MAX,
    accept: 'application/json',
    bearer,
    // A GitHub Enterprise Server may be on a private network; the runner, and nobody else, says where it is.
    privateNetwork: true,
  };
  for (let attempt = 1; ; attempt += 1) {
    const answer = await tools.request(request);
    if (answer.ok) return readGithub(answer.body);
    if (attempt === TOKEN_ATTEMPTS_MAX || !isPassing(answer))
      return no(`GitHub gives no ID token: ${answer.problem} (${answer.detail})`);
    await tools.wait(TOKEN_RETRY_MS * 2 ** (attempt - 1));
  }
}

/** Whether asking again may help. */
const isPassing = ({ problem, detail }: Extract<OutboundAnswer, { ok: false }>): boolean =>
  problem === 'timeout' || problem === 'network' || (problem === 'status' && /^(?:429|5[0-9]{2})$/.test(detail));

function readGithub(body: Uint8Array): CredentialHad {
  const text = decodeUtf8(body);
  const read = text === undefined ? undefined : readJson(text);
  const value = read?.ok && isJsonObject(read.value) ? read.value.value : undefined;
  return typeof value === 'string' ? asToken(value, "GitHub's answer") : no("GitHub's answer has no token");
}

async function readFolder(tools: TokenTools, folder: string): Promise<CredentialHad> {
  const file = CREDENTIAL_BUNDLE_FILES.map((name) => join(folder, name)).find(tools.exists);
  if (file === undefined) return no(`${folder} has no ${CREDENTIAL_BUNDLE_FILES.join(', nor ')}`);
  const text = await tools.readFile(file, CREDENTIAL_BUNDLE_BYTES_MAX);
  if (!text.ok) return no(`${file}: ${text.problem}`);
  const read = readIdentity(text.text);
  if (!read.ok) return no(`${file} ${read.problem}`);
  return { ok: true, credential: { kind: 'identity', spiffeId: read.spiffeId, tls: read.tls } };
}
