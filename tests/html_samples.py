"""Small pages in the markup of many systems, all holding the same two comments; the markup is made up, the words too."""

from dataclasses import dataclass

ONE = "The oven must be hot first."
TWO = "Mine was not, and it rose anyway."


@dataclass(frozen=True)
class Sample:
    """One page: its comments, and what differs from the common case."""

    name: str
    comments: str
    nested: bool = True
    """Whether the second answers the first."""
    dates: tuple[str | None, str | None] = ("2012-03-04T10:20:00", "2012-03-05T08:05:00")

    @property
    def page(self) -> str:
        """Return the whole page."""
        return (
            "<!DOCTYPE html><html><head><meta charset='utf-8'><title>Bread at last | Oven Notes</title>"
            "<meta property='og:url' content='https://oven.example/bread'></head><body>"
            "<div id='nav'><ul><li><a href='/'>Home</a></li><li><a href='/about'>About</a></li></ul></div>"
            "<article class='post'><h1>Bread at last</h1><p class='byline'>Posted by Cleo on March 3, 2012</p>"
            "<div class='entry-content'><p>After nine loaves that did not rise I bought a thermometer, and it told me why.</p>"
            "<p>The dial of the oven is wrong by forty degrees, and has been for years.</p></div></article>"
            f"{self.comments}<div class='footer'>© 2012 Oven Notes</div></body></html>"
        )


SAMPLES = (
    Sample(
        "wordpress classic",
        f"""<div id="comments"><h3>2 Responses to Bread at last</h3><ol class="commentlist">
<li class="comment even thread-even depth-1" id="comment-11"><div id="div-comment-11" class="comment-body">
<div class="comment-author vcard"><img class="avatar" src="a.png"><cite class="fn"><a href="http://ann.example/" rel="external nofollow"
class="url">Ann Lee</a></cite> <span class="says">says:</span></div>
<div class="comment-meta commentmetadata"><a href="https://oven.example/bread#comment-11">March 4, 2012 at 10:20 am</a> <a
class="comment-edit-link" href="/edit">(Edit)</a></div><p>{ONE}</p>
<div class="reply"><a class="comment-reply-link" href="?replytocom=11#respond">Reply</a></div></div>
<ul class="children"><li class="comment odd alt depth-2" id="comment-12"><div id="div-comment-12" class="comment-body">
<div class="comment-author vcard"><cite class="fn">Ben</cite> <span class="says">says:</span></div>
<div class="comment-meta commentmetadata"><a href="https://oven.example/bread#comment-12">March 5, 2012 at 8:05 am</a></div>
<p>{TWO}</p><div class="reply"><a href="#">Reply</a></div></div></li></ul></li></ol>
<div id="respond"><form action="/post"><p>Name <input name="author"></p><textarea name="comment"></textarea><p style="display:none">
Leave this empty <input name="url2"></p></form></div></div>""",
    ),
    Sample(
        "wordpress with article elements, German",
        f"""<section id="comments" class="comments-area"><h2>2 Gedanken zu „Bread at last“</h2><ol class="comment-list">
<li id="comment-11" class="comment even thread-even depth-1"><article id="div-comment-11" class="comment-body"><footer
class="comment-meta"><div class="comment-author vcard"><b class="fn">Ann Lee</b> <span class="says">sagt:</span></div>
<div class="comment-metadata"><a href="#comment-11"><time datetime="2012-03-04T11:20:00+01:00">4. März 2012 um 11:20 Uhr</time></a></div>
</footer><div class="comment-content"><p>{ONE}</p></div><div class="reply"><a>Antworten</a></div></article>
<ol class="children"><li id="comment-12" class="comment odd alt depth-2"><article class="comment-body"><footer class="comment-meta">
<div class="comment-author vcard"><b class="fn">Ben</b> <span class="says">sagt:</span></div><div class="comment-metadata">
<time datetime="2012-03-05T09:05:00+01:00">5. März 2012</time></div></footer><div class="comment-content"><p>{TWO}</p></div>
</article></li></ol></li></ol></section>""",
    ),
    Sample(
        "wordpress blocks",
        f"""<div class="wp-block-comments"><h2>Two responses</h2><ol class="wp-block-comment-template">
<li id="comment-11" class="comment even depth-1"><div class="wp-block-group"><div class="wp-block-comment-author-name"><a
href="http://ann.example">Ann Lee</a></div><div class="wp-block-comment-date"><time datetime="2012-03-04T10:20:00+00:00"><a
href="#">March 4</a></time></div><div class="wp-block-comment-content"><p>{ONE}</p></div><div class="wp-block-comment-reply-link">
<a>Reply</a></div></div><ol><li id="comment-12" class="comment odd depth-2"><div class="wp-block-comment-author-name">Ben</div>
<div class="wp-block-comment-date"><time datetime="2012-03-05T08:05:00+00:00">March 5</time></div>
<div class="wp-block-comment-content"><p>{TWO}</p></div></li></ol></li></ol></div>""",
    ),
    Sample(
        "movable type",
        f"""<div id="comments" class="comments"><h2>2 Comments</h2><div class="comments-content">
<div class="comment" id="comment-11"><div class="inner"><div class="comment-header"><div class="asset-meta"><span class="byline">
<span class="vcard author"><a href="http://ann.example/">Ann Lee</a></span> said:</span></div></div>
<div class="comment-content"><p>{ONE}</p></div><div class="comment-footer"><a href="#comment-11"><abbr class="published"
title="2012-03-04T10:20:00+00:00">March 4, 2012 10:20 AM</abbr></a></div></div></div>
<div class="comment" id="comment-12"><div class="inner"><div class="comment-header"><span class="byline"><span class="vcard author">
Ben</span> said:</span></div><div class="comment-content"><p>{TWO}</p></div><div class="comment-footer"><abbr class="published"
title="2012-03-05T08:05:00+00:00">March 5, 2012 8:05 AM</abbr></div></div></div></div></div>""",
        nested=False,
    ),
    Sample(
        "movable type, old",
        f"""<h2 id="comments">Comments</h2><div class="comments-body"><div class="comments-comment" id="c11"><p>{ONE}</p>
<p class="comments-post">Posted by: <a href="http://ann.example/">Ann Lee</a> at March 4, 2012 10:20 AM</p></div>
<div class="comments-comment" id="c12"><p>{TWO}</p><p class="comments-post">Posted by: Ben at March 5, 2012 8:05 AM</p></div></div>""",
        nested=False,
    ),
    Sample(
        "typepad",
        f"""<div id="comments" class="comments"><h3 class="comments-header">Comments</h3><div class="comments-content">
<div id="comment-6a0120a5" class="comment comment-odd"><div class="comment-content"><p>{ONE}</p></div><p class="comment-footer">
Posted by: <a href="http://ann.example/">Ann Lee</a> | <a href="#comment-6a0120a5">March 04, 2012 at 10:20 AM</a></p></div>
<div id="comment-6a0120a6" class="comment comment-even"><div class="comment-content"><p>{TWO}</p></div><p class="comment-footer">
Posted by: Ben | <a href="#comment-6a0120a6">March 05, 2012 at 08:05 AM</a></p></div></div></div>""",
        nested=False,
    ),
    Sample(
        "blogger, classic",
        f"""<div class="comments" id="comments"><h4>2 comments:</h4><dl id="comments-block">
<dt class="comment-author" id="c110000000000000001"><a name="c110000000000000001"></a><a href="http://ann.example/" rel="nofollow">Ann Lee</a>
said...</dt><dd class="comment-body"><p>{ONE}</p></dd><dd class="comment-footer"><span class="comment-timestamp"><a
href="https://oven.example/bread?showComment=1330856400000#c110000000000000001">March 4, 2012 at 10:20 AM</a></span></dd>
<dt class="comment-author" id="c110000000000000002">Ben said...</dt><dd class="comment-body"><p>{TWO}</p></dd>
<dd class="comment-footer"><span class="comment-timestamp"><a href="https://oven.example/bread?showComment=1330934700000#c110000000000000002">
March 5, 2012 at 8:05 AM</a></span></dd></dl></div>""",
        nested=False,
    ),
    Sample(
        "blogger, threaded",
        f"""<div class="comments" id="comments"><h4>2 comments:</h4><div class="comment-thread toplevel-thread"><ol id="top-ra">
<li class="comment" id="c1101"><div class="avatar-image-container"><img src="x.png"></div><div class="comment-block"><div
class="comment-header"><cite class="user"><a href="http://ann.example/" rel="nofollow">Ann Lee</a></cite><span class="icon user"></span>
<span class="datetime secondary-text"><a rel="nofollow" href="https://oven.example/bread?showComment=1330856400000#c1101">10:20</a></span>
</div><p class="comment-content">{ONE}</p><span class="comment-actions secondary-text"><a>Reply</a></span></div>
<div class="comment-replies"><div class="comment-thread inline-thread"><ol class="thread-chrome"><div><li class="comment" id="c1102">
<div class="comment-block"><div class="comment-header"><cite class="user">Ben</cite><span class="datetime secondary-text"><a
href="https://oven.example/bread?showComment=1330934700000#c1102">08:05</a></span></div><p class="comment-content">{TWO}</p></div></li>
</div></ol></div></div></li></ol></div></div>""",
    ),
    Sample(
        "drupal 7",
        f"""<div id="comments" class="comment-wrapper"><h2 class="title">Comments</h2><a id="comment-11"></a><div class="comment clearfix">
<h3><a href="/comment/11#comment-11" class="permalink">Heat</a></h3><div class="submitted">Submitted by <a class="username"
href="http://ann.example">Ann Lee</a> on Sun, 03/04/2012 - 10:20</div><div class="content"><div class="field
field-name-comment-body"><p>{ONE}</p></div></div><ul class="links inline"><li><a>reply</a></li></ul></div>
<div class="indented"><a id="comment-12"></a><div class="comment clearfix"><div class="submitted">Submitted by <span
class="username">Ben</span> on Mon, 03/05/2012 - 08:05</div><div class="content"><p>{TWO}</p></div></div></div></div>""",
    ),
    Sample(
        "drupal 8",
        f"""<section class="comment-section"><h2>Comments</h2><article id="comment-11" class="comment js-comment"><footer
class="comment__meta"><p class="comment__author"><span class="username">Ann Lee</span></p><p class="comment__time">Sun, 03/04/2012 - 10:20</p>
<p class="comment__permalink"><a href="/comment/11#comment-11">Permalink</a></p></footer><div class="comment__content">
<div class="field field--name-comment-body"><p>{ONE}</p></div><ul class="links"><li><a>Reply</a></li></ul></div></article>
<div class="indented"><article id="comment-12" class="comment js-comment"><footer class="comment__meta"><p class="comment__author">
<span class="username">Ben</span></p><p class="comment__time">Mon, 03/05/2012 - 08:05</p></footer><div class="comment__content">
<div class="field field--name-comment-body"><p>{TWO}</p></div></div></article></div></section>""",
    ),
    Sample(
        "discourse",
        f"""<div class="topic-body crawler-post" id="post_1" itemscope itemtype="http://schema.org/DiscussionForumPosting"><div
class="crawler-post-meta"><span class="creator" itemprop="author"><a href="https://forum.example/u/ann"><span itemprop="name">Ann Lee</span></a>
</span><span class="crawler-post-infos"><time datetime="2012-03-04T10:20:00Z" class="post-time">March 4</time> <span itemprop="position">1</span>
</span></div><div class="post" itemprop="text"><p>{ONE}</p></div></div>
<div class="topic-body crawler-post" id="post_2" itemscope itemtype="http://schema.org/DiscussionForumPosting"><div class="crawler-post-meta">
<span class="creator" itemprop="author"><span itemprop="name">Ben</span></span><span class="crawler-post-infos"><time
datetime="2012-03-05T08:05:00Z" class="post-time">March 5</time></span></div><div class="post" itemprop="text"><p>{TWO}</p></div></div>""",
        nested=False,
    ),
    Sample(
        "phpbb 3",
        f"""<div id="p11" class="post bg1"><div class="inner"><dl class="postprofile"><dt><a class="username" href="./u2">Ann Lee</a></dt>
<dd>Posts: 17</dd></dl><div class="postbody"><h3><a href="#p11">Bread</a></h3><p class="author"><a href="./p11"><img alt="Post"></a>by
<strong><a href="./u2" class="username">Ann Lee</a></strong> » Sun Mar 04, 2012 10:20 am</p><div class="content">{ONE}</div>
<div class="signature">Bake on.</div></div></div></div>
<div id="p12" class="post bg2"><div class="inner"><dl class="postprofile"><dt><a class="username" href="./u3">Ben</a></dt></dl>
<div class="postbody"><p class="author">by <strong><a class="username" href="./u3">Ben</a></strong> » Mon Mar 05, 2012 8:05 am</p>
<div class="content">{TWO}</div></div></div></div>""",
        nested=False,
    ),
    Sample(
        "vbulletin 3",
        f"""<div id="posts"><table id="post11" class="tborder"><tr><td class="thead"><div class="normal">#<a href="p11">1</a></div><div
class="normal">03-04-2012, 10:20 AM</div></td></tr><tr><td class="alt2"><a class="bigusername" href="member.php?u=2">Ann Lee</a>
<div class="smallfont">Junior Member</div></td></tr><tr><td class="alt1"><div id="post_message_11">{ONE}</div></td></tr></table>
<table id="post12" class="tborder"><tr><td class="thead"><div class="normal">03-05-2012, 08:05 AM</div></td></tr><tr><td class="alt2">
<a class="bigusername" href="member.php?u=3">Ben</a></td></tr><tr><td class="alt1"><div id="post_message_12">{TWO}</div></td></tr></table></div>""",
        nested=False,
    ),
    Sample(
        "xenforo 2",
        f"""<article class="message message--post" id="js-post-11" data-author="Ann Lee"><div class="message-user"><h4 class="message-name"><a
class="username" href="/members/ann.2/">Ann Lee</a></h4><h5 class="userTitle">Member</h5></div><div class="message-main"><header
class="message-attribution"><time datetime="2012-03-04T10:20:00+0000">Mar 4, 2012</time></header><div class="message-body"><div
class="bbWrapper">{ONE}</div></div><footer class="message-footer"><a>Like</a><a>Reply</a></footer></div></article>
<article class="message message--post" id="js-post-12" data-author="Ben"><div class="message-user"><h4 class="message-name"><a
class="username" href="/members/ben.3/">Ben</a></h4></div><div class="message-main"><header class="message-attribution"><time
datetime="2012-03-05T08:05:00+0000">Mar 5, 2012</time></header><div class="message-body"><div class="bbWrapper">{TWO}</div></div></div></article>""",
        nested=False,
    ),
    Sample(
        "invision",
        f"""<article id="elComment_11" class="cPost ipsBox ipsComment"><aside class="ipsComment_author cAuthorPane"><h3 class="cAuthorPane_author">
<a href="/profile/2-ann/">Ann Lee</a></h3><ul><li>Members</li><li>12 posts</li></ul></aside><div class="ipsColumn"><div class="ipsComment_meta">
<a href="?comment=11">Posted <time datetime="2012-03-04T10:20:00Z">March 4, 2012</time></a></div><div data-role="commentContent"><p>{ONE}</p></div>
<ul class="ipsComment_controls"><li>Quote</li></ul></div></article>
<article id="elComment_12" class="cPost ipsBox ipsComment"><aside class="ipsComment_author cAuthorPane"><h3 class="cAuthorPane_author"><a
href="/profile/3-ben/">Ben</a></h3></aside><div class="ipsColumn"><div class="ipsComment_meta">Posted <time datetime="2012-03-05T08:05:00Z">March 5</time>
</div><div data-role="commentContent"><p>{TWO}</p></div></div></article>""",
        nested=False,
    ),
    Sample(
        "reddit, old",
        f"""<div class="commentarea"><div class="sitetable nestedlisting"><div class="thing id-t1_aa11 comment" data-fullname="t1_aa11"><div
class="midcol unvoted"><div class="arrow up"></div></div><div class="entry unvoted"><p class="tagline"><a class="expand">[–]</a><a
class="author" href="https://old.reddit.example/user/AnnLee">Ann Lee</a> <span class="score unvoted">12 points</span> <time
datetime="2012-03-04T10:20:00+00:00" title="Sun Mar 4">9 years ago</time></p><form class="usertext"><div class="usertext-body"><div class="md">
<p>{ONE}</p></div></div></form><ul class="flat-list buttons"><li><a href="/r/bread/aa11/" class="bylink">permalink</a></li></ul></div>
<div class="child"><div class="sitetable listing"><div class="thing id-t1_aa12 comment" data-fullname="t1_aa12"><div class="entry"><p
class="tagline"><a class="author" href="https://old.reddit.example/user/Ben">Ben</a> <time datetime="2012-03-05T08:05:00+00:00">9 years ago</time></p>
<form class="usertext"><div class="usertext-body"><div class="md"><p>{TWO}</p></div></div></form></div></div></div></div></div></div></div>""",
    ),
    Sample(
        "hacker news",
        f"""<table class="comment-tree"><tr class="athing comtr" id="1101"><td><table><tr><td class="ind" indent="0"><img src="s.gif" width="0"></td>
<td class="votelinks"><a id="up_1101"></a></td><td class="default"><div><span class="comhead"><a href="user?id=ann" class="hnuser">Ann Lee</a> <span
class="age" title="2012-03-04T10:20:00 1330856400"><a href="item?id=1101">on March 4, 2012</a></span> | <a href="#1102">next</a></span></div>
<div class="comment"><div class="commtext c00">{ONE}</div><div class="reply"><p><a href="reply?id=1101">reply</a></p></div></div></td></tr></table></td></tr>
<tr class="athing comtr" id="1102"><td><table><tr><td class="ind" indent="1"><img src="s.gif" width="40"></td><td class="default"><div><span
class="comhead"><a href="user?id=ben" class="hnuser">Ben</a> <span class="age" title="2012-03-05T08:05:00 1330934700"><a href="item?id=1102">on March
5, 2012</a></span></span></div><div class="comment"><div class="commtext c00">{TWO}</div></div></td></tr></table></td></tr></table>""",
    ),
    Sample(
        "slashdot",
        f"""<ul id="commentlisting"><li id="tree_11" class="comment"><div id="comment_11" class="cw"><div class="commentTop"><div class="title"><h4><a>Heat</a>
(Score:2)</h4></div><div class="details"><span class="by">by <a href="https://slash.example/~ann">Ann Lee</a></span> <span class="otherdetails">on Sunday
March 04, 2012 @10:20AM</span></div></div><div class="commentBody"><div id="comment_body_11">{ONE}</div></div><div class="commentSub"><a>Reply</a></div>
</div><ul id="commtree_11"><li id="tree_12" class="comment"><div id="comment_12" class="cw"><div class="commentTop"><div class="details"><span class="by">by
<a>Ben</a></span> <span class="otherdetails">on Monday March 05, 2012 @08:05AM</span></div></div><div class="commentBody"><div
id="comment_body_12">{TWO}</div></div></div></li></ul></li></ul>""",
    ),
    Sample(
        "schema.org microdata",
        f"""<div><div itemprop="comment" itemscope itemtype="https://schema.org/Comment" id="k-11"><span itemprop="author" itemscope><b itemprop="name">Ann
Lee</b></span><meta itemprop="dateCreated" content="2012-03-04T10:20:00Z"><p itemprop="text">{ONE}</p></div>
<div itemprop="comment" itemscope itemtype="https://schema.org/Comment" id="k-12"><span itemprop="author" itemscope><b itemprop="name">Ben</b></span>
<meta itemprop="dateCreated" content="2012-03-05T08:05:00Z"><p itemprop="text">{TWO}</p></div></div>""",
        nested=False,
    ),
    Sample(
        "microformats",
        f"""<section><div class="p-comment h-cite" id="r11"><a class="p-author h-card" href="https://ann.example/">Ann Lee</a> <time class="dt-published"
datetime="2012-03-04T10:20:00Z">4 March</time><div class="e-content">{ONE}</div></div><div class="p-comment h-cite" id="r12"><span
class="p-author h-card">Ben</span> <time class="dt-published" datetime="2012-03-05T08:05:00Z">5 March</time><div class="e-content">{TWO}</div></div></section>""",
        nested=False,
    ),
    Sample(
        "json-ld only",
        f"""<script type="application/ld+json">{{"@type": "Article", "headline": "Bread at last", "comment": [{{"@type": "Comment", "@id": "#k11",
"author": {{"@type": "Person", "name": "Ann Lee"}}, "dateCreated": "2012-03-04T10:20:00Z", "text": "{ONE}", "comment": [{{"@type": "Comment",
"author": {{"name": "Ben"}}, "dateCreated": "2012-03-05T08:05:00Z", "text": "{TWO}"}}]}}]}}</script>""",
    ),
    Sample(
        "vbulletin 4",
        f"""<ol id="posts" class="posts"><li class="postbitlegacy postbitim postcontainer" id="post_11"><div class="posthead"><span class="postdate old"><span class="date">03-04-2012,&nbsp;<span class="time">10:20 AM</span></span></span><span class="nodecontrols"><a name="post11" href="showthread.php?p=11#post11" class="postcounter">#1</a></span></div><div class="postdetails"><div class="userinfo"><div class="username_container"><a class="username offline" href="member.php?2"><strong>Ann Lee</strong></a></div><span class="usertitle">Junior Member</span><dl class="userinfo_extra"><dt>Join Date</dt><dd>Jan 2010</dd></dl></div><div class="postbody"><div class="postrow"><div class="content"><div id="post_message_11"><blockquote class="postcontent restore">{ONE}</blockquote></div></div></div></div></div></li><li class="postbitlegacy postbitim postcontainer" id="post_12"><div class="posthead"><span class="postdate old"><span class="date">03-05-2012,&nbsp;<span class="time">08:05 AM</span></span></span></div><div class="postdetails"><div class="userinfo"><div class="username_container"><a class="username offline" href="member.php?3"><strong>Ben</strong></a></div></div><div class="postbody"><div class="postrow"><div class="content"><div id="post_message_12"><blockquote class="postcontent restore">{TWO}</blockquote></div></div></div></div></div></li></ol>""",
        nested=False,
    ),
    Sample(
        "xenforo 1",
        f"""<ol class="messageList" id="messageList"><li id="post-11" class="message" data-author="Ann Lee"><div class="messageUserInfo"><h3 class="userText"><a href="members/ann.2/" class="username">Ann Lee</a><em class="userTitle">Member</em></h3></div><div class="messageInfo primaryContent"><div class="messageContent"><article><blockquote class="messageText ugc baseHtml">{ONE}</blockquote></article></div><div class="messageMeta"><span class="item muted"><a href="threads/x/#post-11" class="datePermalink"><span class="DateTime" title="Mar 4, 2012 at 10:20 AM">Mar 4, 2012</span></a></span></div></div></li><li id="post-12" class="message" data-author="Ben"><div class="messageUserInfo"><h3 class="userText"><a href="members/ben.3/" class="username">Ben</a></h3></div><div class="messageInfo primaryContent"><div class="messageContent"><article><blockquote class="messageText ugc baseHtml">{TWO}</blockquote></article></div><div class="messageMeta"><span class="item muted"><a href="threads/x/#post-12" class="datePermalink"><span class="DateTime" title="Mar 5, 2012 at 8:05 AM">Mar 5, 2012</span></a></span></div></div></li></ol>""",
        nested=False,
    ),
    Sample(
        "microformats, hfeed of hentry",
        f"""<section class="hfeed"><h2>Responses</h2><article class="hentry" id="r11"><header><span class="author vcard"><a class="fn url" href="http://ann.example/">Ann Lee</a></span> <abbr class="published" title="2012-03-04T10:20:00Z">4 March</abbr></header><div class="entry-content"><p>{ONE}</p></div></article><article class="hentry" id="r12"><header><span class="author vcard"><span class="fn">Ben</span></span> <abbr class="published" title="2012-03-05T08:05:00Z">5 March</abbr></header><div class="entry-content"><p>{TWO}</p></div></article></section>""",
        nested=False,
    ),
    Sample(
        "schema.org UserComments",
        f"""<div itemprop="comment" itemscope itemtype="http://schema.org/UserComments"><span itemprop="creator" itemscope itemtype="http://schema.org/Person"><span itemprop="name">Ann Lee</span></span><time itemprop="commentTime" datetime="2012-03-04T10:20:00Z">4 March</time><div itemprop="commentText">{ONE}</div></div><div itemprop="comment" itemscope itemtype="http://schema.org/UserComments"><span itemprop="creator" itemscope itemtype="http://schema.org/Person"><span itemprop="name">Ben</span></span><time itemprop="commentTime" datetime="2012-03-05T08:05:00Z">5 March</time><div itemprop="commentText">{TWO}</div></div>""",
        nested=False,
    ),
    Sample(
        "json-ld only, in a graph, with parents",
        f"""<script type="application/ld+json">{{"@context":"https://schema.org","@graph":[{{"@type":"DiscussionForumPosting","headline":"Bread at last","comment":[{{"@type":"Comment","url":"https://oven.example/bread#c1","author":{{"@type":"Person","name":"Ann Lee"}},"datePublished":"2012-03-04T10:20:00Z","text":"{ONE}"}},{{"@type":"Comment","url":"https://oven.example/bread#c2","parentItem":{{"@type":"Comment","url":"https://oven.example/bread#c1"}},"author":"Ben","datePublished":"2012-03-05T08:05:00Z","text":"{TWO}"}}]}}]}}</script>""",
    ),
    Sample(
        "slashdot, members' numbers",
        f"""<ul id="commentlisting"><li id="tree_11" class="comment contain"><div id="comment_11" class="commentwrap"><div class="commentTop newcomment"><div class="title"><h4><a name="11" href="//slash.example/x">Heat</a> <span class="score">(Score:<a>5</a>, Interesting)</span></h4></div><div class="details"><span class="by">by <a href="//slash.example/~ann">Ann Lee</a> ( 123 )</span> <span class="otherdetails">on Sunday March 04, 2012 @10:20AM (<a>#11</a>)</span></div></div><div class="commentBody"><div id="comment_body_11">{ONE}</div></div></div></li><li id="tree_12" class="comment contain"><div id="comment_12" class="commentwrap"><div class="commentTop"><div class="details"><span class="by">by <a href="//slash.example/~ben">Ben</a></span> <span class="otherdetails">on Monday March 05, 2012 @08:05AM</span></div></div><div class="commentBody"><div id="comment_body_12">{TWO}</div></div></div></li></ul>""",
        nested=False,
    ),
    Sample(
        "hacker news of 2008",
        f"""<table><tr><td><table><tr><td><img src="s.gif" height="1" width="0"></td><td class="default"><div><span class="comhead"><a href="user?id=ann">Ann Lee</a> 4 March 2012 10:20 | <a href="item?id=11">link</a></span></div><br><span class="comment"><font color="#000000">{ONE}</font></span></td></tr></table></td></tr><tr><td><table><tr><td><img src="s.gif" height="1" width="40"></td><td class="default"><div><span class="comhead"><a href="user?id=ben">Ben</a> 5 March 2012 08:05 | <a href="item?id=12">link</a></span></div><br><span class="comment"><font color="#000000">{TWO}</font></span></td></tr></table></td></tr></table>""",
        nested=False,
    ),
    Sample(
        "drupal 7, RDFa",
        f"""<div id="comments"><div class="comment" about="/comment/11#comment-11" typeof="sioct:Post sioct:Comment"><span class="submitted"><span property="dc:date dc:created" content="2012-03-04T10:20:00+00:00" datatype="xsd:dateTime">Sun, 03/04/2012 - 10:20</span> by <span class="username" typeof="sioc:UserAccount" property="foaf:name">Ann Lee</span></span><div class="content"><div class="field-name-comment-body" property="content:encoded"><p>{ONE}</p></div></div></div><div class="comment" typeof="sioct:Post sioct:Comment"><span class="submitted"><span property="dc:date dc:created" content="2012-03-05T08:05:00+00:00">Mon, 03/05/2012 - 08:05</span> by <span class="username" typeof="sioc:UserAccount" property="foaf:name">Ben</span></span><div class="content"><p>{TWO}</p></div></div></div>""",
        nested=False,
    ),
    Sample(
        "a German newspaper",
        f"""<div class="leserkommentare"><h3>2 Leserkommentare</h3><div class="leserkommentar"><div class="kommentar-kopf"><span class="benutzer">Ann Lee</span>
<span class="datum">04.03.2012, 10:20 Uhr</span></div><div class="kommentar-text">{ONE}</div><a class="melden">Kommentar melden</a></div>
<div class="leserkommentar"><div class="kommentar-kopf"><span class="benutzer">Ben</span> <span class="datum">05.03.2012, 08:05 Uhr</span></div>
<div class="kommentar-text">{TWO}</div><a class="melden">Kommentar melden</a></div></div>""",
        nested=False,
    ),
    Sample(
        "a French newspaper, answers by indent",
        f"""<section class="commentaires"><h3>2 commentaires</h3><div class="commentaire" style="margin-left:0px"><p class="auteur">Ann Lee</p><p
class="date">Le 4 mars 2012 à 10:20</p><p class="texte">{ONE}</p></div><div class="commentaire" style="margin-left:30px"><p class="auteur">Ben</p>
<p class="date">Le 5 mars 2012 à 08:05</p><p class="texte">{TWO}</p></div></section>""",
    ),
    Sample(
        "no names at all, below a heading",
        f"""<div class="x1"><h3>Kommentare</h3><div class="x2"><b>Ann Lee</b> <i>04.03.2012 10:20</i><p>{ONE} And then some more words.</p></div>
<div class="x2"><b>Ben</b> <i>05.03.2012 08:05</i><p>{TWO} And then some more words.</p></div></div>""",
        nested=False,
    ),
)
