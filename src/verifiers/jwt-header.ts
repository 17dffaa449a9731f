// The header of a JWT, before anything else of it is looked at: the type that it was sent as, its `typ`, its algorithm, and no member
// that would choose the key. RFC 8725 §3.1, §3.10 and §3.11; RFC 9068 §2.1. A token's type says what it is and never whom to trust.

import {
  ACCESS_TOKEN_TYPE,
  JWT_BEARER_GRANT,
  JWT_TOKEN_TYPE,
  type SentAs,
  type SubjectTokenType,
} from '../core/request.ts';
import { ACCESS_TOKEN_TYPS } from '../platforms/oidc.ts';
import type { PlatformTable } from '../platforms/table.ts';
import type { ClaimRefusal } from './claims.ts';
import type { UnprovedHeader } from './kind.ts';

/** What a source says of its tokens' headers. */
export interface HeaderTerms {
  readonly table: PlatformTable;
  /** The token types that this source takes. */
  readonly tokenTypes: readonly SubjectTokenType[];
  /** Its access tokens may lack a `typ` that says so: what is sent as one is then taken as one. */
  readonly accessTypOptional?: true;
  /** JOSE header members that its tokens may bear; undefined: any but those that name keys or change the processing. */
  readonly headersAllowed?: readonly string[];
}

/** Header members that would choose the key or change how the token is read (RFC 8725 §3.10, A-5 to ). */
export const HEADERS_REFUSED: readonly string[] = ['crit', 'b64', 'zip', 'cty', 'enc', 'jwk', 'jku', 'x5u', 'x5c'];

/** As what a token would be sent: an access token says that it is one, and else whatever the source takes. */
export const likelyType = ({ tokenTypes }: HeaderTerms, { typ }: UnprovedHeader): SubjectTokenType => {
  const isAccess = ACCESS_TOKEN_TYPS.includes(typ ?? '');
  return tokenTypes.find((type) => (type === ACCESS_TOKEN_TYPE) === isAccess) ?? tokenTypes[0] ?? JWT_TOKEN_TYPE;
};

/** What is wrong with the header of a token that is sent as this. */
export function headerProblem(source: HeaderTerms, jws: UnprovedHeader, sentAs: SentAs): ClaimRefusal | undefined {
  const tokenType = sentAs === JWT_BEARER_GRANT ? JWT_TOKEN_TYPE : sentAs;
  if (!source.tokenTypes.includes(tokenType)) return { reason: 'token_type_refused' };
  if (!source.table.typ.includes(jws.typ)) return { reason: 'typ_refused' };
  // An access token says so in its header, and nothing else does (RFC 9068 §2.1, A-22): where both are possible, they must agree.
  // `jwt` says of a token only that it is one (RFC 8693 §3): a source that takes both takes its access tokens as either.
  const isAccess = ACCESS_TOKEN_TYPS.includes(jws.typ ?? '');
  const mayBeAccess =
    sentAs === ACCESS_TOKEN_TYPE || (sentAs === JWT_TOKEN_TYPE && source.tokenTypes.includes(ACCESS_TOKEN_TYPE));
  if (isAccess ? !mayBeAccess : tokenType === ACCESS_TOKEN_TYPE && !source.accessTypOptional)
    return { reason: 'typ_refused' };
  const members = Object.keys(jws.header);
  const refused = source.headersAllowed
    ? members.find((member) => !source.headersAllowed?.includes(member))
    : members.find((member) => HEADERS_REFUSED.includes(member));
  if (refused) return { reason: 'header_refused', member: refused.slice(0, 64) };
  return source.table.algorithms.some((algorithm) => algorithm === jws.alg)
    ? undefined
    : { reason: 'algorithm_refused' };
}
