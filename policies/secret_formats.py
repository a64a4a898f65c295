"""What keys look like, as their issuers publish it; none matches in the middle of a word."""

from collections.abc import Mapping

# RE2 expressions, by what they find; matched without regard to case, as folded texts have none.
SECRET_FORMATS: Mapping[str, str] = {
    "OpenAI or Anthropic key": r"\bsk-(?:ant-|proj-|svcacct-)?[A-Za-z0-9_\-]{20,}",
    "AWS access key id": r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b",
    "Azure storage key": r"\bAccountKey=[A-Za-z0-9+/]{64,}={0,2}",
    "Azure client secret": r"\b[A-Za-z0-9_~.\-]{3}[0-9]Q~[A-Za-z0-9_~.\-]{31,34}",
    "Azure signature": r"[?&]sig=[A-Za-z0-9%+/]{43,}(?:%3D|=)",
    "GitHub token": r"\b(?:gh[pousr]_[A-Za-z0-9]{36,}|github_pat_[A-Za-z0-9_]{22,})",
    "GitLab token": r"\bgl(?:pat|ptt|dt|rt|soat)-[A-Za-z0-9_\-]{20,}",
    "Slack token": r"\bxox[abeposr]-[A-Za-z0-9\-]{10,}",
    "Slack web hook": r"\bhooks\.slack\.com/services/T[A-Z0-9]+/B[A-Z0-9]+/[A-Za-z0-9]+",
    "Google API key": r"\bAIza[A-Za-z0-9_\-]{35}",
    "Google OAuth secret": r"\b(?:GOCSPX-[A-Za-z0-9_\-]{28}|ya29\.[A-Za-z0-9_\-]{20,})",
    "Stripe key": r"\b(?:[sr]k_(?:live|test)_[A-Za-z0-9]{16,}|whsec_[A-Za-z0-9+/=]{24,})",
    "Hugging Face token": r"\bhf_[A-Za-z0-9]{30,}",
    "inference provider's key": r"\b(?:gsk_[A-Za-z0-9]{40,}|xai-[A-Za-z0-9]{40,}"
    r"|pplx-[A-Za-z0-9]{40,}|r8_[A-Za-z0-9]{37,})",
    "Winnow key": r"\bwn-[A-Za-z0-9_\-]{20,}",
    "npm token": r"\bnpm_[A-Za-z0-9]{36}\b",
    "PyPI token": r"\bpypi-[A-Za-z0-9_\-]{50,}",
    "SendGrid key": r"\bSG\.[A-Za-z0-9_\-]{16,32}\.[A-Za-z0-9_\-]{32,64}",
    "Twilio key": r"\b(?:SK|AC)[0-9a-f]{32}\b",
    "Mailgun or Mailchimp key": r"\b(?:key-[0-9a-f]{32}|[0-9a-f]{32}-us[0-9]{1,2})\b",
    "Telegram token": r"\b[0-9]{8,10}:AA[A-Za-z0-9_\-]{32,}",
    "Shopify token": r"\bshp(?:at|ca|pa|ss)_[a-f0-9]{32}\b",
    "DigitalOcean token": r"\bdo[opr]_v1_[a-f0-9]{64}\b",
    "Databricks token": r"\bdapi[a-f0-9]{32}\b",
    "Vault token": r"\bhv[sbr]\.[A-Za-z0-9_\-]{24,}",
    "Atlassian token": r"\bATATT3[A-Za-z0-9_\-=]{40,}",
    "JSON Web Token": r"\beyJ[A-Za-z0-9_\-]{8,}\.eyJ[A-Za-z0-9_\-]{8,}\.[A-Za-z0-9_\-]{8,}",
    "bearer token": r"\bbearer\s+[A-Za-z_\-.~+/]{0,40}[0-9][A-Za-z0-9_\-.~+/=]{12,}",
    # Not the placeholders of a manual: user:password@host, ${USER}:<password>@...
    "address with a password": r"\b[a-z][a-z0-9+.\-]{1,20}://[^\s:/@\"'<>{}$]{0,64}"
    r":[^\s:@/\"'<>{}$]*[0-9!#%^&+=~][^\s:@/\"'<>{}$]*@[A-Za-z0-9\[]",
    "private key": r"-----BEGIN [A-Z ]{0,24}PRIVATE KEY(?: BLOCK)?-----"
    r"(?:[A-Za-z0-9+/=\s\\]*-----END [A-Z ]{0,24}PRIVATE KEY(?: BLOCK)?-----)?",
}
