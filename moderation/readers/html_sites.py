"""What is known of systems that print comments into pages, as tables; nothing here does anything.

To teach the HTML reader another system, add a row to `SITES`; to teach it another language or another habit of naming
classes, add words. A row is only needed where the words do not suffice: most systems name things for what they are.

Selectors are alternatives separated by blanks: `tag.class.other#id[attribute=value]`, each part optional. A `9` in an
id stands for any number, `@name` is short for `[itemprop=name]`.
"""

from dataclasses import dataclass
from typing import Final

__all__ = ["ELSEWHERE", "SITES", "Site"]


@dataclass(frozen=True, slots=True)
class Site:
    """How one system marks up comments. What is left empty is found by words and structure."""

    name: str
    items: str
    """One for each comment; with `run`, what opens one, which then reaches to the next."""
    author: str = ""
    date: str = ""
    text: str = ""
    skip: str = ""
    """What stands in the text and is none of it."""
    depth: str = ""
    """Where an attribute (after the `!`) says how deep a reply stands: `selector!attribute`."""
    run: bool = False
    reply_to: str = ""
    """A link to the comment that is answered."""


SITES: Final = (
    Site(
        "wordpress",
        "li.comment li.pingback li.trackback div.comment.thread-even div.comment.thread-odd div.comment.odd "
        "div.comment.even",
        author=".fn cite.fn .comment-author-name .comment-author cite",
        date=".comment-metadata .comment-meta .comment-date .commentmetadata .comment-time time",
        text=".comment-content .comment-text .commentcontent .comment-entry .contenttext .comment_content "
            ".wc-comment-text",
        skip=".comment-author .comment-meta .comment-metadata .commentmetadata .reply "
            ".comment-awaiting-moderation .says "
        ".comment-edit-link .comment-reply-link .sharedaddy .jp-relatedposts .comment-likes .cld-like-dislike-wrap",
    ),
    Site(
        "wordpress blocks",
        ".wp-block-comment-template>li",
        author=".wp-block-comment-author-name",
        date=".wp-block-comment-date",
        text=".wp-block-comment-content",
        skip=".wp-block-comment-reply-link .wp-block-comment-edit-link",
    ),
    Site(
        "wpdiscuz",
        "div.wc-comment div.wpd-comment",
        author=".wc-comment-author .wpd-comment-author",
        date=".wc-comment-date .wpd-comment-date",
        text=".wc-comment-text .wpd-comment-text",
    ),
    Site(
        "movable type",
        "div.comment#comment-9 div.comment#c9 div.comments-comment#c9 div.comment-entry article.comment#comment-9",
        author=".commenter-name .byline .vcard .comment-footer .comments-post .comment-author",
        date=".published abbr.published .comment-footer .comments-post .byline",
        text=".comment-content .comment-body .comment-text",
        skip=".comment-footer .comments-post .byline .comment-header",
    ),
    Site(
        "typepad",
        "div.comment-odd div.comment-even div.comment#comment-6a9",
        author=".comment-footer .commenter-name",
        date=".comment-footer",
        text=".comment-content .comment-body",
        skip=".comment-footer .comment-header",
    ),
    Site(
        "blogger, threaded",
        "li.comment#c9",
        author=".user .fn",
        date=".datetime",
        text=".comment-content",
        skip=".comment-actions .comment-header .avatar-image-container .comment-replies .comment-replybox-single",
    ),
    Site(
        "blogger",
        "dt.comment-author dt#c9",
        author="dt",
        date=".comment-timestamp .comment-footer",
        text="dd.comment-body dd.comment-data",
        skip=".comment-footer .comment-timestamp .comment-delete",
        run=True,
    ),
    Site(
        "blogger, older",
        "div.comment-block#c9 div.blogComment",
        author=".byline .comment-author .comment-poster .blogCommentByline",
        date=".comment-timestamp .byline .blogCommentDate",
        skip=".byline .comment-timestamp",
    ),
    Site(
        "drupal",
        "article.comment div.comment article.js-comment",
        author=".username .comment__author .author @name [typeof=foaf:Person]",
        date=".submitted .comment__time .comment-time .created .comment__submitted time",
        text=".field--name-comment-body .field-name-comment-body .comment__content .content",
        skip=".submitted .links .comment__meta .user-picture .comment__links .indicator .comment-permalink h3 "
            ".user-signature",
        reply_to=".parent a.permalink.parent",
    ),
    Site(
        "discourse",
        "div.topic-body.crawler-post .topic-post article[data-post-id] "
        "div[itemtype=http://schema.org/DiscussionForumPosting]",
        author=".creator .names .username @author @name",
        date=".post-date .relative-date time @datePublished",
        text="@text .cooked .post",
        skip=".crawler-linkback-list .post-menu-area .topic-map .lightbox-wrapper .meta .quote-controls",
    ),
    Site(
        "phpbb 3",
        "div.post#p9 div.post.has-profile",
        author=".author .username .username-coloured",
        date=".author",
        text=".content",
        skip=".signature .post-buttons .notice .postprofile .author .profile-icons h3",
    ),
    Site(
        "phpbb 2",
        "tr>td>span.name",
        author="span.name",
        date="span.postdetails",
        text="span.postbody",
        run=True,
    ),
    Site(
        "vbulletin 4",
        "li.postbit#post_9 li.postbitlegacy#post_9 li.b-post",
        author=".username .b-userinfo__details .author",
        date=".date .postdate .b-post__timestamp time",
        text=".postcontent .js-post__content-text .content",
        skip=".signature .postfoot .posthead .userinfo .after_content .bbcode_quote_author",
    ),
    Site(
        "vbulletin 3",
        "table#post9",
        author=".bigusername",
        date="td.thead .normal",
        text="#post_message_9",
        skip=".thead",
    ),
    Site(
        "xenforo 1",
        "li.message#post-9",
        author="a.username .username h3.userText",
        date=".DateTime .datePermalink",
        text=".messageText",
        skip=".messageTextEndMarker .signature .attribution .quoteExpand",
    ),
    Site(
        "xenforo 2",
        "article.message div.message.message--post",
        author=".message-name .username",
        date="time .message-date .message-attribution-main",
        text=".bbWrapper .message-body",
        skip=".message-signature .message-footer .message-attribution .bbCodeBlock-sourceJump .message-lastEdit",
    ),
    Site(
        "xenforo comments",
        "li.xenforo-comment",
        author=".xenforo-comment-author .xenforo-comment-username .username",
        date=".xenforo-comment-date time",
        text=".xenforo-comment-content .js-read-more",
    ),
    Site(
        "invision",
        "article.ipsComment div.ipsComment article.cPost article.ipsEntry div.post_block",
        author=".cAuthorPane_author .ipsComment_author .ipsEntry__username .author .ipsType_break",
        date="time abbr.published .ipsComment_meta",
        text="[data-role=commentContent] .cPost_contentWrap .ipsEntry__content .post.entry-content",
        skip=".ipsComment_controls .ipsComment_meta .ipsQuote_citation .ipsItemControls [data-role=memberSignature]",
    ),
    Site(
        "smf",
        "div.post_wrapper",
        author=".poster h4",
        date=".keyinfo .postinfo",
        text=".inner .post",
        skip=".signature .moderatorbar .quickbuttons",
    ),
    Site(
        "mybb",
        "div.post#post_9 table#post_9",
        author=".author_information .largetext .author",
        date=".post_date",
        text=".post_body",
        skip=".signature .post_controls .post_meta .edited_post",
    ),
    Site(
        "fluxbb",
        "div.blockpost#p9",
        author="dt",
        date="h2",
        text=".postmsg",
        skip=".postsignature .postedit h2 h3",
    ),
    Site(
        "reddit, old",
        "div.thing.comment div.comment.thing",
        author="a.author",
        date="time",
        text=".usertext-body .md",
        skip=".tagline .flat-list .midcol .buttons .child",
    ),
    Site("reddit, new", "shreddit-comment", author="faceplate-tracker", date="time", text="[slot=comment]"),
    Site(
        "hacker news",
        "tr.comtr tr.athing.comtr",
        author="a.hnuser",
        date=".age",
        text=".commtext .comment",
        skip=".reply .navs",
        depth=".ind!indent",
    ),
    Site(
        "hacker news, older",
        "tr>td.default",
        author="span.comhead>a",
        date=".age .comhead",
        text="span.comment",
        skip=".reply .comhead",
        run=True,
    ),
    Site(
        "slashdot",
        "li.comment#tree_9",
        author=".by a",
        date=".otherdetails",
        text=".commentBody",
        skip=".commentTop .commentSub .modal .by",
    ),
    Site(
        "stack exchange",
        "div.answer li.comment.js-comment tr.comment div.question",
        author=".user-details .comment-user @author",
        date=".relativetime .comment-date .relativetime-clean",
        text=".s-prose .post-text .comment-copy .js-post-body @text",
        skip=".post-menu .js-post-menu .post-signature .user-info .comment-user .comment-date .votecell "
            ".comments-link "
        ".js-comments-container .comment-score",
    ),
    Site(
        "schema.org",
        "[itemtype=http://schema.org/Comment] [itemtype=https://schema.org/Comment] "
        "[itemtype=http://schema.org/UserComments] "
        "[itemtype=https://schema.org/UserComments] [itemtype=http://schema.org/Answer] "
        "[itemtype=https://schema.org/Answer] "
        "[typeof=schema:Comment] [typeof=sioct:Comment] @comment @comments @suggestedAnswer @acceptedAnswer",
        author="@author @creator @name",
        date="@datePublished @dateCreated @commentTime @dateModified",
        text="@text @commentText @description",
    ),
    Site(
        "microformats",
        ".p-comment .h-cite.u-comment .u-comment .hcomment .hentry.comment",
        author=".p-author .p-name .fn .author",
        date=".dt-published .published .updated time",
        text=".e-content .p-content .entry-content .entry-summary",
    ),
    Site("serendipity", "div.serendipity_comment li.serendipity_comment article.serendipity_comment",
         date=".serendipity_comment_source .serendipity_commentBody time",
         author=".serendipity_comment_source", text=".serendipity_commentBody"),
    Site("joomla", "div.jcomments-comment div.comment-box div.kmt-item li.kmt-item div.rbox",
         author=".comment-author .author-homepage .kmt-author", date=".comment-date .kmt-time",
         text=".comment-body .commentText .kmt-body"),
    Site("typo3", "div.tx-comments-comment div.tx-comments-comment-1 div.tx-comments-comment-2 "
        ".tx-pwcomments-comment",
         author=".tx-comments-comment-name .name", date=".tx-comments-comment-date .date",
         text=".tx-comments-comment-content .tx-comments-comment-text"),
    Site("livejournal", "div.b-leaf div.comment-wrap div.ljcmt table.talk-comment td.commenthead",
         author=".b-leaf-username .ljuser .i-ljuser", date=".b-leaf-createdtime .comment-datetimelink",
         text=".b-leaf-article .comment-text .b-leaf-article-text"),
    Site("livefyre", "article.fyre-comment-article", author=".fyre-comment-username",
         date=".fyre-comment-date time", text=".fyre-comment"),
    Site("disqus, saved", "li.post#post-9", author=".author .publisher-anchor-color", date=".time-ago .post-meta",
         text=".post-message", skip=".post-menu .comment-footer .post-meta"),
    Site("intense debate", "div.idc-c#IDComment9", author=".idc-c-h-inner h4 .idc-a", date=".idc-i",
         text=".idc-c-t-inner .idc-c-t", skip=".idc-c-h .idc-c-m .idc-v .idc-reply"),
    Site("echo", "div.js-CommentBlock div.echo-item-body", author=".js-singleCommentName .echo-item-authorName",
         date=".js-singleCommentDate .echo-item-date", text=".js-singleCommentText .echo-item-text"),
)  # fmt: skip

# Systems whose comments are fetched by a script or stand in a frame of their own: what gives each away in a page, as
# parts of addresses (of scripts, frames and links), ids and classes.
ELSEWHERE: Final = (
    ("Disqus", ("disqus.com/embed", "disqus.com/count", ".disqus.com/", "disqus_thread")),
    ("Facebook comments", ("fb-comments", "facebook.com/plugins/comments", "facebook.com/plugins/feedback",
                           "fb:comments")),
    ("Coral", ("coral_thread", "coral-embed", "coral_talk", "coral-talk", "coralcoralstream", "/static/embed.js?coral",
               "coral.coralproject.net", "coral-comments", "coral-container", "talk-stream")),
    ("Hyvor Talk", ("hyvor-talk", "talk.hyvor.com")),
    ("OpenWeb", ("spot.im/", "spotim", "spoxy-shard", "ow-conversation", "openweb.com", "data-spotim-module")),
    ("Viafoura", ("viafoura", "vf-conversations", "vf-comments")),
    ("Commento", ("commento",)),
    ("Giscus", ("giscus",)),
    ("Utterances", ("utteranc.es", "utterances")),
    ("Isso", ("isso-thread", "isso/js/embed")),
    ("Remark42", ("remark42", "remark_config")),
    ("Cusdis", ("cusdis",)),
    ("Livefyre", ("livefyre",)),
    ("IntenseDebate", ("intensedebate.com", "idc-container")),
    ("Gigya", ("gigya.com/js/gigya.services.plugins.comments", "gig-comments", "commentsdiv")),
    ("Vuukle", ("vuukle",)),
    ("Graph Comment", ("graphcomment",)),
    ("HyperComments", ("hypercomments",)),
    ("Cackle", ("cackle.me", "mc-container")),
    ("Muut", ("muut.com", "cdn.muut")),
    ("Insticator", ("insticator-commenting",)),
    ("Google+ comments", ("commentsonblog", "g-comments")),
    ("Discourse", ("discourse-comments",)),
    ("Valine", ("valine", "vcomments")),
    ("Gitalk", ("gitalk",)),
    ("VK comments", ("vk_comments",)),
    ("Comment Box", ("commentbox.io", "commentbox")),
    ("FastComments", ("fastcomments",)),
    ("Twikoo", ("twikoo",)),
    ("Waline", ("waline",)),
    ("Artalk", ("artalk",)),
    ("Civil Comments", ("civil-comments", "civilcomments")),
    ("SolidOpinion", ("solidopinion",)),
)  # fmt: skip
