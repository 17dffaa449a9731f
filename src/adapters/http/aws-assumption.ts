// The parameters of AssumeRoleWithWebIdentity as a request to the exchange (CA-05). The caller's own are its role, how long, and what narrows
// the session; RoleSessionName is not, since who stands in CloudTrail is proved. What would lose its meaning is refused.

import { NO_CLIENT } from '../../core/client.ts';
import { SESSION_POLICY_TEXT, type SessionPolicies } from '../../core/cloud.ts';
import { isJsonObject } from '../../core/json.ts';
import {
  AWS_ARN_CHARACTERS_MAX,
  AWS_POLICY_ARNS_MAX,
  AWS_POLICY_CHARACTERS_MAX,
  AWS_SESSION_SECONDS_MAX,
  AWS_SESSION_SECONDS_MIN,
  AWS_SESSION_SECONDS_USUAL,
} from '../../core/limits-cloud.ts';
import { ok, type Result, refuse, type SyntaxRefusal } from '../../core/refusal.ts';
import {
  type Ask,
  AWS_CREDENTIALS_TOKEN_TYPE,
  JWT_TOKEN_TYPE,
  misusedCredential,
  misusedParameter,
  type Parameters,
  TOKEN_EXCHANGE_GRANT,
  type TokenRequest,
} from '../../core/request.ts';
import { readJson } from '../../parsing/json.ts';

export const ASSUME = 'AssumeRoleWithWebIdentity';
export const AWS_VERSION = '2011-06-15';

const KNOWN = ['Action', 'Version', 'RoleArn', 'RoleSessionName', 'WebIdentityToken', 'DurationSeconds', 'Policy'];
const POLICY_ARN = /^PolicyArns\.member\.([1-9][0-9]?)\.arn$/;
/** Read as one, so that every problem with them has the name that AWS's documents have. */
const POLICY_ARNS = 'PolicyArns';
/** What narrows a session: left without a value it must not be taken for what was never sent. */
export const narrows = (name: string): boolean => name === 'Policy' || name.startsWith(`${POLICY_ARNS}.`);
const SESSION_NAME = /^[\w+=,.@-]{2,64}$/;
const ARN = /^arn:[\x21-\x7e]+$/;
/** A role's ARN, or whatever else a target is called. */
const ROLE = /^[\x21-\x7e]+$/;

/** What a container or a role assumed asks for: credentials of AWS, for whoever this token is about. */
export const credentialsRequest = (
  text: string,
  certificates: TokenRequest['client']['certificates'],
  ask: Omit<Ask, 'scopes'>,
): TokenRequest => ({
  grantType: TOKEN_EXCHANGE_GRANT,
  client: { ...NO_CLIENT, certificates },
  proof: undefined,
  subject: { text, tokenType: JWT_TOKEN_TYPE },
  actor: undefined,
  requestedTokenType: AWS_CREDENTIALS_TOKEN_TYPE,
  ask: { scopes: undefined, ...ask },
});

/** `target` is the one in the path: with a RoleArn beside it both must mean the same, as policy sees to. */
export function readAssumption(
  parameters: Parameters,
  certificates: TokenRequest['client']['certificates'],
  target: string | undefined,
): Result<TokenRequest, SyntaxRefusal> {
  const misused = misusedParameter(withoutToken(parameters)) ?? unknownParameter(parameters);
  if (misused) return refuse(misused);
  const one = (name: string) => parameters.get(name)?.[0];
  const name = one('RoleSessionName');
  if (name !== undefined && !SESSION_NAME.test(name)) return malformed('RoleSessionName');

  // SDKs send the newline at the end of the token's file.
  const text = one(TOKEN)?.trim() ?? '';
  if (text === '') return missing(TOKEN);
  const unfit = misusedCredential(TOKEN, text);
  if (unfit) return refuse(unfit);

  const role = one('RoleArn');
  if (role === undefined && target === undefined) return missing('RoleArn');
  if (role !== undefined && (role.length > AWS_ARN_CHARACTERS_MAX || !ROLE.test(role))) return malformed('RoleArn');
  const lifetimeSeconds = readDuration(one('DurationSeconds'));
  if (lifetimeSeconds === undefined) return malformed('DurationSeconds');
  const session = readSession(parameters);
  if (!session.ok) return session;
  const targets = [target, role].filter((asked) => asked !== undefined);
  return ok(credentialsRequest(text, certificates, { targets, lifetimeSeconds, session: session.value }));
}

const TOKEN = 'WebIdentityToken';

/** It is judged as a credential, when what a file adds to it is gone. */
const withoutToken = (parameters: Parameters): Parameters =>
  new Map([...parameters].filter(([name]) => name !== TOKEN));

/** ProviderId is for OAuth 2.0 access tokens of social providers, and tags come from the target alone. */
function unknownParameter(parameters: Parameters): SyntaxRefusal | undefined {
  for (const name of parameters.keys()) {
    if (KNOWN.includes(name) || POLICY_ARN.test(name)) continue;
    const parameter = narrows(name) ? POLICY_ARNS : name.startsWith('Tags.') ? 'Tags' : name;
    return { reason: 'parameter_unsupported', parameter };
  }
  return undefined;
}

/** Seconds; undefined for what is no duration that AWS takes. */
function readDuration(text: string | undefined): number | undefined {
  if (text === undefined) return AWS_SESSION_SECONDS_USUAL;
  const seconds = /^[1-9][0-9]{2,4}$/.test(text) ? Number(text) : 0;
  return seconds >= AWS_SESSION_SECONDS_MIN && seconds <= AWS_SESSION_SECONDS_MAX ? seconds : undefined;
}

function readSession(parameters: Parameters): Result<SessionPolicies | undefined, SyntaxRefusal> {
  const policy = parameters.get('Policy')?.[0];
  if (policy !== undefined && policy.length > AWS_POLICY_CHARACTERS_MAX)
    return refuse({ reason: 'parameter_too_large', parameter: 'Policy', bytesMax: AWS_POLICY_CHARACTERS_MAX });
  if (policy !== undefined && !isSessionPolicy(policy)) return malformed('Policy');

  const numbered = [...parameters].flatMap(([name, [arn = '']]) => {
    const number = POLICY_ARN.exec(name)?.[1];
    return number === undefined ? [] : [{ number: Number(number), arn }];
  });
  const policyArns = numbered.toSorted((one, other) => one.number - other.number);
  const fits = policyArns.every(
    ({ number, arn }, index) => number === index + 1 && arn.length <= AWS_ARN_CHARACTERS_MAX && ARN.test(arn),
  );
  if (!fits || policyArns.length > AWS_POLICY_ARNS_MAX) return malformed(POLICY_ARNS);
  if (policy === undefined && policyArns.length === 0) return ok(undefined);
  return ok({ policy, policyArns: policyArns.map(({ arn }) => arn) });
}

function isSessionPolicy(text: string): boolean {
  const read = readJson(text);
  return read.ok && isJsonObject(read.value) && SESSION_POLICY_TEXT.test(text);
}

const missing = (parameter: string): Result<never, SyntaxRefusal> => refuse({ reason: 'parameter_missing', parameter });
const malformed = (parameter: string): Result<never, SyntaxRefusal> =>
  refuse({ reason: 'parameter_malformed', parameter });
