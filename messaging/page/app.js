// Puts the page together.

import { explain, startKey } from "./keyform.js";
import { letterView } from "./letter.js";
import { mailView, startMail } from "./mail.js";
import { mailboxView, startMailbox } from "./mailbox.js";
import { mailsView, startMails } from "./mails.js";
import { overviewView } from "./overview.js";
import { addView, startRouter } from "./router.js";
import { sendView, startSend } from "./send.js";
import { startTalk } from "./talk.js";

addView("key", { section: "key", title: "Key", locked: "", enter: () => explain("") });
addView("send", sendView);
addView("mails", mailsView);
addView("mails/", mailView);
addView("overview", overviewView);
addView("mailbox", mailboxView);
addView("mailbox/", letterView);

startKey();
startSend();
startTalk();
startMails();
startMail();
startMailbox();
startRouter(explain);
