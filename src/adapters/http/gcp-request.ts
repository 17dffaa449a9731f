// The words of a request to Google's token endpoint, as unmodified Google clients say them (facts of the wire: docs/clouds/google.md), as those
// of a token exchange. What they say by habit and means nothing here is left out by name: the provider's resource name, the project that pays,
// the public client of gcloud. Whatever else Google's endpoint understands and we do not is refused, since leaving it out would widen.

import type { PresentedClient } from '../../core/client.ts';
import { isJsonObject } from '../../core/json.ts';
import { ok, type Result, refuse, type SyntaxRefusal } from '../../core/refusal.ts';
import {
  ACCESS_TOKEN_TYPE,
  AWS_REQUEST_TOKEN_TYPE,
  type Caller,
  ID_TOKEN_TYPE,
  knownGrantType,
  type Parameters,
  readTokenRequest,
  TOKEN_EXCHANGE_GRANT,
  type TokenRequest,
} from '../../core/request.ts';
import { parseBasic } from '../../parsing/basic.ts';
import { readJson } from '../../parsing/json.ts';
import type { Form } from './form-request.ts';

/** The form, or the JSON, of POST /gcp/token[/{target}]. */
export const googleForm = (target: string | undefined): Form<TokenRequest> => ({
  takesJson: true,
  grantType: (parameters) => knownGrantType(parameters.get('grant_type')?.[0]),
  read: (parameters, caller) => readGoogleRequest(parameters, caller, target),
});

/** Reads the parameters, or says what is wrong with the first that is. `target`: the one that the path names. */
function readGoogleRequest(
  parameters: Parameters,
  caller: Caller,
  target: string | undefined,
): Result<TokenRequest, SyntaxRefusal> {
  const read = readTokenRequest(asOAuth(parameters, target), caller);
  if (!read.ok) return read;
  const { grantType, requestedTokenType, subject, client } = read.value;
  if (grantType !== TOKEN_EXCHANGE_GRANT) return refuse({ reason: 'grant_type_unsupported' });
  if (requestedTokenType !== undefined && requestedTokenType !== ACCESS_TOKEN_TYPE)
    return refuse({ reason: 'token_type_unsupported', parameter: 'requested_token_type' });
  // What Google takes under this name is a request in a shape of its own, for Google's eyes.
  if (subject?.tokenType === AWS_REQUEST_TOKEN_TYPE)
    return refuse({ reason: 'token_type_unsupported', parameter: 'subject_token_type' });
  const unmeant = misreadOptions(parameters.get('options')?.[0]);
  if (unmeant) return refuse({ reason: unmeant, parameter: 'options' });
  return ok({ ...read.value, requestedTokenType: ACCESS_TOKEN_TYPE, client: asStranger(client) });
}

/** Google's own documents spell the type so in places. */
const ID_TOKEN_TYPE_DASHED = ID_TOKEN_TYPE.replace('_', '-');
/** What clients take for the end of a file, and send. */
const OUTER_SPACE = /^[\t\n\r ]+|[\t\n\r ]+$/g;

/** The parameters as a token exchange has them. */
function asOAuth(parameters: Parameters, target: string | undefined): Parameters {
  const { audience = [], subject_token: tokens = [], subject_token_type: types = [] } = Object.fromEntries(parameters);
  const replaced: Readonly<Record<string, readonly string[]>> = {
    audience:
      target === undefined ? audience.map(named) : [target, ...audience.map(named).filter((said) => !isResource(said))],
    subject_token: tokens.map((token) => token.replaceAll(OUTER_SPACE, '')).filter((token) => token !== ''),
    subject_token_type: types.map((type) => (type === ID_TOKEN_TYPE_DASHED ? ID_TOKEN_TYPE : type)),
  };
  const oauth = new Map(parameters);
  for (const [name, values] of Object.entries(replaced))
    if (values.length > 0) oauth.set(name, values);
    else oauth.delete(name);
  return oauth;
}

const IAM = '//iam.googleapis.com/';

/** What Google's clients must call the provider, whatever it is. It says nothing about the target that the path names, and no target by itself. */
const isResource = (audience: string): boolean => audience.startsWith(IAM);

/** A target's name. No resource of Google's has one segment. */
const SEGMENT = /^[a-z][a-z0-9-]{0,62}$/;

/** google-github-actions/auth puts that prefix before whatever its `workload_identity_provider` says. */
function named(audience: string): string {
  const name = isResource(audience) ? audience.slice(IAM.length) : '';
  return SEGMENT.test(name) ? name : audience;
}

/**
 * What of the options cannot be left out. `userProject` can: it says which project pays at Google for a person of a workforce pool, and gives
 * nobody anything. An access boundary or a bound certificate narrows what Google gives.
 */
function misreadOptions(text: string | undefined): 'parameter_malformed' | 'parameter_unsupported' | undefined {
  if (text === undefined) return undefined;
  const options = [text, unescaped(text)].map(jsonObject).find((object) => object !== undefined);
  if (options === undefined) return 'parameter_malformed';
  return Object.keys(options).every((name) => name === 'userProject') ? undefined : 'parameter_unsupported';
}

function jsonObject(text: string) {
  const read = readJson(text);
  return read.ok && isJsonObject(read.value) ? read.value : undefined;
}

/** google-auth for Python percent-encodes it before the form is encoded. */
function unescaped(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return '';
  }
}

/** A client that counts as none where nobody has registered it, as the public one of gcloud. */
export const asStranger = (client: PresentedClient): PresentedClient => ({
  ...client,
  id: client.id ?? basicId(client.authorization),
  strangers: 'ignored',
});

/** Who the header says to be, where it can be read in one way only: for the record, where nobody has registered it. */
function basicId(authorization: string | undefined): string | undefined {
  const [reading, other] = authorization === undefined ? [] : parseBasic(authorization);
  return other ? undefined : reading?.id;
}
