// The words of a request about one of our own tokens: whether it is active (RFC 7662 §2.1), or that it shall end (RFC 7009 §2.1). Both take
// `token` and who asks; `token_type_hint` is a hint that nobody needs here, and nothing may repeat. Nothing here is proved.

import { ok, type Result, refuse, type SyntaxRefusal } from './refusal.ts';
import {
  type Caller,
  type CallerRequest,
  misusedParameter,
  OWN_TOKEN,
  type Parameters,
  readCaller,
} from './request.ts';

export interface OwnTokenRequest extends CallerRequest {
  /** Whatever was sent as one. */
  readonly token: string;
}

/** Reads the parameters, or says what is wrong with the first that is. */
export function readOwnTokenRequest(parameters: Parameters, caller: Caller): Result<OwnTokenRequest, SyntaxRefusal> {
  const misused = misusedParameter(parameters);
  if (misused) return refuse(misused);
  const one = (name: string): string | undefined => parameters.get(name)?.[0];
  const token = one(OWN_TOKEN);
  if (token === undefined) return refuse({ reason: 'parameter_missing', parameter: OWN_TOKEN });
  return ok({ token, ...readCaller(one, caller) });
}
