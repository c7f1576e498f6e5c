/**
 * What stands in most tokens, for deflate to point at (RFC 1951; zlib's preset dictionary): the members of a JWT as login
 * services and OpenID providers write them, and those of our own wrapping. The nearer to the end, the shorter the pointer.
 * A change of one character is a new plaintext format: what was sealed with another dictionary would not open.
 */
export const dictionary = Buffer.from(
  [
    '"amr":["pwd"],"acr":"1","nonce":"","at_hash":"","s_hash":"","tid":"","oid":"","ver":"2.0","idp":"","uti":"',
    '"allowed-origins":["https://www.","http://localhost:"],"realm_access":{"roles":["offline_access",',
    '"uma_authorization","default-roles-"]},"resource_access":{"account":{"roles":["manage-account",',
    '"manage-account-links","view-profile"]}},"session_state":"","sid":"","typ":"Bearer","azp":"',
    '"firebase":{"identities":{"email":["@gmail.com"]},"sign_in_provider":"password"},"user_id":"',
    '"permissions":["read:","write:","create:","update:","delete:"],"groups":["/","admin","user"],"role":"',
    '"phone_number":"+","address":{},"picture":"https://","locale":"en","zoneinfo":"Europe/',
    '"given_name":"","family_name":"","preferred_username":"","username":"","email":"","email_verified":true',
    ',"auth_time":1","client_id":"","token_use":"access","jti":"","nbf":1","scp":"","tenant":"',
    '"scope":"openid profile email offline_access","name":"","roles":["user","admin"],"userId":"","id":',
    '{"typ":"JWT","alg":"HS256"}{"alg":"ES256","kid":"","typ":"at+jwt"}{"alg":"RS256","typ":"JWT","kid":"',
    '"}{"iss":"https://login.","https://auth.","https://accounts.example.com/realms/oauth2/default/",',
    '"aud":["account","https://api."],"sub":"","exp":1,"iat":17',
    '"v":{"csrf":"","session":""},"u":"{"sid":"","t":[,,256],"r":true,"r":"","e":17"c":17{"sid":"","t":"","c":17',
  ].join(''),
)
