//! OpenID Connect and OAuth 2.0 exchanges, each a pair of pure functions: the request, and what is made of the answer.
